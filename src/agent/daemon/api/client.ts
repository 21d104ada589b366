import { AgentError, exitCodeOf, isAgentError, type ErrorCode } from '../../../core/errors.ts';
import type { Clock } from '../../../host/clock.ts';
import type { Bus } from '../../../systemd/bus/client.ts';
import { ReplyError } from '../../../systemd/bus/errors.ts';
import {
  dictionary,
  nothing,
  objectPath,
  several,
  single,
  text,
  uint32,
  variant,
  type Variant,
} from '../../../systemd/bus/values.ts';
import { jobInterface, managerInterface, managerPath, serviceName, type ChangeMethod } from './definition.ts';
import { errorNameOf } from './told.ts';

/** A change that the service is asked for. */
export interface ServiceRequest {
  readonly method: ChangeMethod;
  readonly body: readonly unknown[];
}

export interface AskOptions {
  /** When it aborts the job is cancelled; what is asked for then ends with `interrupted`, or is done all the same. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Is told what the job is at, in words. */
  readonly progress: (at: JobProgress) => void;
}

/** How long someone may take to type a password, and the service to start, in milliseconds. */
const patience = 180_000;

const toService = { destination: serviceName, path: managerPath, interface: managerInterface.name };
const fromService = { sender: serviceName, path: managerPath, interface: managerInterface.name };
const properties = { interface: 'org.freedesktop.DBus.Properties' };

/** What a job is at, in words, each empty where there is nothing to tell. */
export interface JobProgress {
  readonly what: string;
  /** How far what it fetches is. */
  readonly transfer: string;
}

/**
 * Has the service carry out a change, and waits until that has ended.
 * @throws AgentError what the service tells: with the codes that the same command of root would end with;
 *   `bus-unavailable` where there is no service, or where it ended before the job did.
 */
export async function askService(bus: Bus, request: ServiceRequest, options: AskOptions): Promise<void> {
  const { signal, progress } = options;
  const ended = new EndedJobs(bus);
  await using _jobs = await bus.subscribe(
    { ...fromService, member: 'JobRemoved' },
    several(uint32, objectPath, text, text, text),
    ended,
  );
  const path = await begun(bus, request, options);
  await using _progress = await bus.subscribe(
    { sender: serviceName, path, ...properties, member: 'PropertiesChanged' },
    several(text, dictionary(variant)),
    {
      signal: ([, changed]) => {
        progress(progressIn(changed));
      },
    },
  );
  progress(await progressNow(bus, path));
  const cancel = () => {
    const call = { destination: serviceName, path, interface: jobInterface.name, member: 'Cancel' };
    bus.call(call, nothing).catch(() => undefined);
  };
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  try {
    await ended.endOf(path);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/**
 * How long the path of a job is still waited for after Ctrl-C, in milliseconds: it may be on its way, and without it the job
 * cannot be cancelled. Who is being asked for a password need not answer: the service begins nothing for who has gone.
 */
const parting = 2000;

/** Makes the call, and returns the path of its job. */
async function begun(
  bus: Bus,
  { method, body }: ServiceRequest,
  { signal, clock }: Pick<AskOptions, 'signal' | 'clock'>,
): Promise<string> {
  const signature = managerInterface.methods[method].takes.map(([, type]) => type).join('');
  const left = new AbortController();
  const leave = () => {
    clock.sleep(parting, left.signal).then(
      () => {
        left.abort();
      },
      () => undefined,
    );
  };
  signal.addEventListener('abort', leave);
  try {
    const call = { ...toService, member: method, signature, body };
    return await bus.call(call, single(objectPath), { timeoutMs: patience, signal: left.signal });
  } catch (error) {
    if (error instanceof ReplyError) throw toldByService(error.errorName, error.said) ?? error;
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
    left.abort();
  }
}

/** What a job was at before we could hear of it. One that is so long over that it cannot be read is at nothing. */
async function progressNow(bus: Bus, path: string): Promise<JobProgress> {
  const call = { destination: serviceName, path, ...properties, member: 'GetAll', signature: 's' };
  try {
    return progressIn(await bus.call({ ...call, body: [jobInterface.name] }, single(dictionary(variant))));
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return { what: '', transfer: '' };
  }
}

function progressIn(changed: ReadonlyMap<string, Variant>): JobProgress {
  const textOf = (name: string) => {
    const value = changed.get(name)?.value;
    return typeof value === 'string' ? value : '';
  };
  return { what: textOf('Progress'), transfer: textOf('Transfer') };
}

type End = readonly [id: number, path: string, state: string, error: string, message: string];

/** Takes note of the jobs that end: one may do so before we know which is ours. */
class EndedJobs {
  readonly #bus: Bus;
  readonly #ends = new Map<string, End>();
  readonly #ended = Promise.withResolvers<undefined>();
  #path: string | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#ended.promise.catch(() => undefined);
  }

  signal(end: End): void {
    this.#ends.set(end[1], end);
    this.#tell();
  }

  /** The service may be another process now, which does not know the job. */
  missed(): void {
    if (this.#path !== undefined) this.#lookAgain(this.#path).catch(this.#ended.reject);
  }

  /** @throws AgentError how it failed. */
  async endOf(path: string): Promise<void> {
    this.#path = path;
    this.#tell();
    await this.#ended.promise;
  }

  #tell(): void {
    const end = this.#path === undefined ? undefined : this.#ends.get(this.#path);
    if (end === undefined) return;
    const [, , state, error, message] = end;
    if (state === 'done') this.#ended.resolve(undefined);
    else this.#ended.reject(toldByService(error, message) ?? new AgentError('internal', message));
  }

  async #lookAgain(path: string): Promise<void> {
    const call = { destination: serviceName, path, ...properties, member: 'GetAll', signature: 's' };
    try {
      await this.#bus.call({ ...call, body: [jobInterface.name] }, single(dictionary(variant)));
    } catch (error) {
      if (!isAgentError(error)) throw error;
      throw new AgentError('bus-unavailable', 'the service ended before it said what came of this', {
        left: 'What it had begun is finished or put back by the next operation.',
        next: 'Look at `sysext-agent history`, and at `systemctl status sysext-agent`.',
        cause: error,
      });
    }
  }
}

/** An error as the service told it; undefined where it is none of its own. */
function toldByService(errorName: string, message: string): AgentError | undefined {
  const code = (Object.keys(exitCodeOf) as ErrorCode[]).find((one) => errorNameOf(one) === errorName);
  const [what = '', ...facts] = message.split('\n');
  return code === undefined ? undefined : new AgentError(code, what, { facts });
}
