import { expositionType } from '../../core/exposition.ts';
import { isAgentError, messageOf } from '../../core/errors.ts';
import { messages } from '../../core/messages.ts';
import type { Log } from '../../host/log.ts';
import { serveText } from '../../host/text-server.ts';
import type { Agent } from '../agent.ts';
import { metricsNow } from '../metrics.ts';
import { publishMetrics } from '../metrics-file.ts';
import type { LoopState } from './loop.ts';

/** The numbers of this host, as the service tells them. */
export class Metrics implements AsyncDisposable {
  readonly #agent: Agent;
  #asked: Promise<string> | undefined;
  #published: Promise<void> = Promise.resolve();
  #server: AsyncDisposable | undefined;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  /** Begins to answer at the socket; where that cannot be it is told, and everything else goes on. */
  async serve(log: Log): Promise<void> {
    const page = { path: '/metrics', type: expositionType, text: () => this.#text() };
    try {
      this.#server = await serveText(this.#agent.paths.metricsSocket, page);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      log.tell(messages.warning, { what: messageOf(error) });
    }
  }

  /** The loop does something else now: what it did is to be seen when it rests. */
  entered(state: LoopState): void {
    if (state.kind !== 'working') this.#published = this.#published.then(() => publishMetrics(this.#agent));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#published;
  }

  /** However many ask at a time, the host is looked at once. */
  #text(): Promise<string> {
    this.#asked ??= metricsNow(this.#agent).finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }
}
