import { setTimeout as delay } from 'node:timers/promises';

/** Time, as a value that tests can set. */
export interface Clock {
  now(): Date;
  /** Milliseconds from an arbitrary start that never run backwards: for durations. */
  monotonic(): number;
  /** Waits; rejects with the signal's reason when it aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
  },
};
