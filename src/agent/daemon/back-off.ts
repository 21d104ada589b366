/** In milliseconds. */
const firstDelay = 2000;
const longestDelay = 15 * 60_000;

/**
 * How long to wait before what failed is tried again, in milliseconds: doubled each time, up to a quarter of an hour.
 * @param failures how often it failed in a row, at least 1.
 * @param random a number in [0, 1): spreads the hosts of a fleet that all failed over the same thing, over half the time.
 */
export function backOff(failures: number, random: number): number {
  const doubled = firstDelay * 2 ** Math.min(failures - 1, 30);
  return Math.round(Math.min(doubled, longestDelay) * (0.5 + random / 2));
}
