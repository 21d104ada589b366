import { doublingDelay } from '../../host/retry.ts';

const delays = { first: 2000, longest: 15 * 60_000 } as const;

/**
 * How long to wait before what failed is tried again, in milliseconds: doubled each time, up to a quarter of an hour.
 * @param failures how often it failed in a row, at least 1.
 * @param random a number in [0, 1): spreads the hosts of a fleet that all failed over the same thing, over half the time.
 */
export function backOff(failures: number, random: number): number {
  return Math.round(doublingDelay(delays, failures, random));
}
