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

/**
 * Waits for `work` until the deadline. The work is not stopped then: who began it must see to that.
 * @param what it is, for the error of an abort.
 * @param late makes the error for a deadline that passed.
 * @throws AgentError `interrupted` when the signal aborts, what `late` makes.
 */
export async function within<T>(deadline: Deadline, what: string, work: Promise<T>, late: () => Error): Promise<T> {
  const { clock, end, signal } = deadline;
  const over = Promise.withResolvers<never>();
  const timer = new AbortController();
  const interrupt = () => {
    over.reject(new AgentError('interrupted', `${what} was interrupted`));
  };
  if (signal?.aborted === true) interrupt();
  signal?.addEventListener('abort', interrupt);
  clock.sleep(Math.max(0, end - clock.monotonic()), timer.signal).then(
    () => {
      over.reject(late());
    },
    () => undefined,
  );
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', interrupt);
  }
}
