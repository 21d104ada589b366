import { createHash } from 'node:crypto';

/** Numbers in [0, 1) that follow from a seed alone (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The hash of a text as a whole number below a limit: its first 32 bits, as docs/rollout.md takes them. */
export function hashBelow(limit: number, text: string): number {
  return parseInt(createHash('sha256').update(text).digest('hex').slice(0, 8), 16) % limit;
}
