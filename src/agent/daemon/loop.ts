import { AgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { backOff } from './back-off.ts';

/** What a reconciliation came to. */
export interface Outcome {
  /** Whether something was not done that may go well later by itself. */
  readonly mayPass: boolean;
}

/** What the loop is at. */
export type LoopState =
  | { readonly kind: 'idle' }
  /** `what`: the title of a task, or `reconcile`. */
  | { readonly kind: 'working'; readonly what: string }
  /** Something failed; it is tried again then. */
  | { readonly kind: 'waiting'; readonly until: Date };

export interface LoopParts {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /**
   * Brings the host to what is wanted, whatever has changed.
   * @param signal aborts when the loop is to end: what is begun is undone or left to the next start.
   * @param reasons why it is called, for the record.
   */
  reconcile(signal: AbortSignal, reasons: readonly string[]): Promise<Outcome>;
  /** Is told how a reconciliation failed; it is tried again later. */
  failed(error: unknown): void;
  /** Is told whenever the state changes. Must not throw. */
  changed(state: LoopState): void;
}

/** Work that someone asked for. */
export interface Task<T> {
  /** Fails with what the work throws, or `interrupted` where it was cancelled before it began. */
  readonly result: Promise<T>;
  /** Takes it from the queue; where it has begun, its signal aborts, and its result tells how it ended. */
  cancel(): void;
}

interface Queued {
  readonly title: string;
  readonly control: AbortController;
  /** Never fails. */
  run(signal: AbortSignal): Promise<void>;
  drop(): void;
}

/**
 * Does one thing at a time: what others ask for, in its order, then reconciling, where anything called for it. What calls
 * for it sets no more than a reason: however much comes meanwhile, one more pass follows, and it looks at everything anew.
 * While nothing happens it waits, without a timer.
 */
export class Loop {
  readonly #parts: LoopParts;
  readonly #queue: Queued[] = [];
  readonly #reasons = new Set<string>();
  #failures = 0;
  #wake = Promise.withResolvers<undefined>();
  #state: LoopState = { kind: 'idle' };

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  get state(): LoopState {
    return this.#state;
  }

  /** Calls for a reconciliation. */
  poke(reason: string): void {
    this.#failures = 0;
    this.#reasons.add(reason);
    this.#wake.resolve(undefined);
  }

  /**
   * Has work done when nothing else is under way, before reconciling.
   * @param title what it is, in words.
   * @param work gets a signal that aborts when it is cancelled or the loop ends.
   */
  submit<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Task<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const control = new AbortController();
    const drop = () => {
      reject(new AgentError('interrupted', `${title} was cancelled before it began`, { left: 'Nothing was changed.' }));
    };
    const run = (signal: AbortSignal) => work(signal).then(resolve, reject);
    const queued: Queued = { title, control, run, drop };
    this.#queue.push(queued);
    this.#wake.resolve(undefined);
    const cancel = () => {
      const place = this.#queue.indexOf(queued);
      if (place >= 0) this.#queue.splice(place, 1);
      if (place >= 0) drop();
      else control.abort();
    };
    return { result: promise, cancel };
  }

  /** Works until the signal aborts, and ends when what is under way then has ended. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#wake = Promise.withResolvers();
      const task = this.#queue.shift();
      if (task !== undefined) await this.#perform(task, stop);
      else if (this.#reasons.size > 0) await this.#reconcile(stop);
      else await this.#rest(stop);
    }
    for (const task of this.#queue.splice(0)) task.drop();
  }

  async #perform(task: Queued, stop: AbortSignal): Promise<void> {
    const abort = () => {
      task.control.abort();
    };
    this.#enter({ kind: 'working', what: task.title });
    stop.addEventListener('abort', abort);
    await task.run(task.control.signal);
    stop.removeEventListener('abort', abort);
  }

  async #reconcile(stop: AbortSignal): Promise<void> {
    const reasons = [...this.#reasons];
    this.#reasons.clear();
    this.#enter({ kind: 'working', what: 'reconcile' });
    try {
      const { mayPass } = await this.#parts.reconcile(stop, reasons);
      this.#failures = mayPass ? this.#failures + 1 : 0;
    } catch (error) {
      if (stop.aborted) return;
      this.#failures += 1;
      this.#parts.failed(error);
    }
  }

  /** Waits for someone to call, or for the time to try again. */
  async #rest(stop: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts;
    const timer = new AbortController();
    const end = () => {
      this.#wake.resolve(undefined);
    };
    stop.addEventListener('abort', end);
    const waits: Promise<unknown>[] = [this.#wake.promise];
    if (this.#failures > 0) {
      const delay = backOff(this.#failures, random());
      this.#enter({ kind: 'waiting', until: new Date(clock.now().getTime() + delay) });
      waits.push(this.#retryAfter(delay, timer.signal));
    } else this.#enter({ kind: 'idle' });
    await Promise.race(waits);
    timer.abort();
    stop.removeEventListener('abort', end);
  }

  async #retryAfter(delay: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.clock.sleep(delay, signal);
      this.#reasons.add('retry');
    } catch {
      // Someone called before.
    }
  }

  #enter(state: LoopState): void {
    this.#state = state;
    this.#parts.changed(state);
  }
}
