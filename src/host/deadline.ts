import { AgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** Until when something may take, and who may end it before. */
export interface Deadline {
  readonly clock: Clock;
  /** By the clock's monotonic time, in milliseconds. */
  readonly end: number;
  readonly signal: AbortSignal | undefined;
}

/** A deadline that is `milliseconds` away. */
export function deadlineIn(clock: Clock, milliseconds: number, signal?: AbortSignal): Deadline {
  return { clock, end: clock.monotonic() + milliseconds, signal };
}

/** What came first: the end of some work, that of its time, or the signal. */
type Outcome<T> = { readonly value: T } | 'late' | 'interrupted';

/** Waits for `work` until the deadline. The work is not stopped then: who began it must see to that. */
export async function outcomeBy<T>({ clock, end, signal }: Deadline, work: Promise<T>): Promise<Outcome<T>> {
  const enough = new AbortController();
  const signals = signal === undefined ? enough.signal : AbortSignal.any([enough.signal, signal]);
  const over = clock.sleep(Math.max(0, end - clock.monotonic()), signals).then(
    () => 'late' as const,
    () => 'interrupted' as const,
  );
  try {
    return await Promise.race([work.then((value) => ({ value })), over]);
  } finally {
    enough.abort();
  }
}

/**
 * What `work` gives, where that comes before the deadline; the work is not stopped otherwise.
 * @param what it is, for the error of an abort.
 * @param late makes the error for a deadline that passed.
 * @throws AgentError `interrupted` when the signal aborts, what `late` makes.
 */
export async function within<T>(deadline: Deadline, what: string, work: Promise<T>, late: () => Error): Promise<T> {
  const outcome = await outcomeBy(deadline, work);
  if (outcome === 'late') throw late();
  if (outcome === 'interrupted') throw new AgentError('interrupted', `${what} was interrupted`);
  return outcome.value;
}
