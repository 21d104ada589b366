import type { Clock } from '../../src/host/clock.ts';
import { waitFor } from '../lab/wait.ts';

interface Sleeper {
  readonly until: number;
  wake(): void;
}

/** A clock that stands still until a test moves it. */
export interface StandingClock extends Clock {
  /** Waits until someone sleeps who is awake that many milliseconds later, then moves the clock by them. */
  pass(milliseconds: number): Promise<void>;
  /** Moves the clock, and wakes who sleeps no longer than that. */
  readonly move: (milliseconds: number) => void;
  /** How many sleep. */
  readonly sleeping: () => number;
}

export function standingClock(): StandingClock {
  const sleepers = new Set<Sleeper>();
  let elapsed = 0;
  const due = (time: number) => [...sleepers].filter(({ until }) => until <= time);
  const moveTo = (time: number) => {
    elapsed = time;
    for (const sleeper of due(time)) {
      sleepers.delete(sleeper);
      sleeper.wake();
    }
  };
  return {
    now: () => new Date(elapsed),
    monotonic: () => elapsed,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(new Error('aborted'));
          return;
        }
        const sleeper: Sleeper = { until: elapsed + milliseconds, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(new Error('aborted'));
        });
      }),
    pass: async (milliseconds) => {
      const time = elapsed + milliseconds;
      await waitFor(`someone sleeps until ${time}`, () => Promise.resolve(due(time).length > 0 ? true : undefined));
      moveTo(time);
    },
    move: (milliseconds) => {
      moveTo(elapsed + milliseconds);
    },
    sleeping: () => sleepers.size,
  };
}

/** Everything that can happen without anyone doing something has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
