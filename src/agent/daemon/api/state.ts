import { messageOf } from '../../../core/errors.ts';
import { renderProblem } from '../../../core/problems.ts';
import { mergedNames } from '../../../systemd/merged.ts';
import type { Agent } from '../../agent.ts';
import type { FleetReport } from '../../fleet/reconcile.ts';
import { openHistory } from '../../history.ts';
import type { LoopState } from '../loop.ts';

/** The values of the manager's properties. */
export type ManagerProperties = Readonly<Record<string, string | number | readonly string[]>>;

/** What the manager's properties say, as of the last time that the service came to rest. */
export class ServiceState {
  readonly #agent: Agent;
  #values: ManagerProperties;

  constructor(agent: Agent, version: string) {
    this.#agent = agent;
    // Calls are answered before the first pass has begun.
    this.#values = { Version: version, Generation: 0, State: 'working', Merged: [], LastError: '', ConfigProblems: [] };
  }

  get values(): ManagerProperties {
    return this.#values;
  }

  /** A pass came to its end. */
  done({ problems }: FleetReport): ManagerProperties {
    const lines = problems.map(({ position, field, message }) => renderProblem({ position, field, message }));
    return this.#set({ ConfigProblems: lines, LastError: '' });
  }

  failed(error: unknown): ManagerProperties {
    return this.#set({ LastError: messageOf(error) });
  }

  entered(state: LoopState): ManagerProperties {
    return this.#set({ State: state.kind, ...(state.kind === 'working' ? {} : this.#observed()) });
  }

  #observed(): ManagerProperties {
    try {
      using history = openHistory(this.#agent.paths.history, { writable: false });
      const [generation] = history.generations(1);
      return { Generation: generation?.number ?? 0, Merged: mergedNames(this.#agent.driver.observe()) };
    } catch {
      // What cannot be read now, passes and calls tell of.
      return {};
    }
  }

  /** Returns those that have other values now. */
  #set(values: ManagerProperties): ManagerProperties {
    const isNew = ([name, value]: [string, unknown]) => JSON.stringify(value) !== JSON.stringify(this.#values[name]);
    const changed = Object.fromEntries(Object.entries(values).filter(isNew));
    this.#values = { ...this.#values, ...changed };
    return changed;
  }
}
