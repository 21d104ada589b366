import { AgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { backOff } from './back-off.ts';

/** What a reconciliation came to. */
export interface Outcome {
  /** Whether something was not done that may go well later by itself. */
  readonly mayPass: boolean;
  /** When it is to be looked at again, where nothing calls before. */
  readonly again?: Date | undefined;
}

/** Why the loop calls itself: nothing has changed that it knows of. */
export const ownReasons = { time: 'it was time', retry: 'retry' } as const;

/** What the loop is at. */
export type LoopState =
  | { readonly kind: 'idle' }
  /** `what`: the title of a task, or `reconcile`. */
  | { readonly kind: 'working'; readonly what: string }
  /** Something failed, and is tried again then; or it is not the time yet. */
  | { readonly kind: 'waiting'; readonly until: Date; readonly failed: boolean };

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
 * How long a time of day is slept towards at most, in milliseconds. The clock may be set, or stand still while the host
 * sleeps: then it is at most that much later. Waking costs one look at the clock.
 */
const longestNap = 5 * 60_000;

/**
 * Does one thing at a time: what others ask for, in its order, then reconciling, where anything called for it. What calls
 * for it sets no more than a reason: however much comes meanwhile, one more pass follows, and it looks at everything anew.
 * While nothing happens it waits, without a timer unless something is to be done at a time.
 */
export class Loop {
  readonly #parts: LoopParts;
  readonly #queue: Queued[] = [];
  readonly #reasons = new Set<string>();
  #failures = 0;
  #again: Date | undefined;
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
    this.#again = undefined;
    this.#enter({ kind: 'working', what: 'reconcile' });
    try {
      const { mayPass, again } = await this.#parts.reconcile(stop, reasons);
      this.#again = again;
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
    const again = this.#again;
    if (again !== undefined) waits.push(this.#wakeAt(again, timer.signal));
    if (this.#failures > 0) {
      const delay = backOff(this.#failures, random());
      this.#enter({ kind: 'waiting', until: new Date(clock.now().getTime() + delay), failed: true });
      waits.push(this.#retryAfter(delay, timer.signal));
    } else this.#enter(again === undefined ? { kind: 'idle' } : { kind: 'waiting', until: again, failed: false });
    await Promise.race(waits);
    timer.abort();
    stop.removeEventListener('abort', end);
  }

  async #wakeAt(time: Date, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const left = () => time.getTime() - clock.now().getTime();
    try {
      while (left() > 0) await clock.sleep(Math.min(left(), longestNap), signal);
      this.#reasons.add(ownReasons.time);
    } catch {
      // Someone called before.
    }
  }

  async #retryAfter(delay: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.clock.sleep(delay, signal);
      this.#reasons.add(ownReasons.retry);
    } catch {
      // Someone called before.
    }
  }

  #enter(state: LoopState): void {
    this.#state = state;
    this.#parts.changed(state);
  }
}
