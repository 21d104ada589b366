import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { editDistance, nearestNames } from '../../../../src/builder/packages/nearest.ts';

describe('names that are near', () => {
  it('are those with the fewest wrong letters, the nearest first', () => {
    expect(nearestNames('strce', ['strace', 'ltrace', 'stress', 'curl', 'strace'])).toEqual(['strace', 'ltrace']);
    expect(nearestNames('crul', ['curl', 'cups'])).toEqual(['curl']);
    expect(nearestNames('zzzz', ['curl', 'cups'])).toEqual([]);
  });
});

describe('the edit distance', () => {
  const word = fc.stringMatching(/^[ab]{0,6}$/);

  it('is the same both ways, and 0 only for the same word', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b, 10)).toBe(editDistance(b, a, 10));
        expect(editDistance(a, b, 10) === 0).toBe(a === b);
      }),
    );
  });

  it('is above the limit exactly where the full distance is', () => {
    fc.assert(
      fc.property(word, word, fc.nat(3), (a, b, limit) => {
        expect(editDistance(a, b, limit) > limit).toBe(editDistance(a, b, 10) > limit);
      }),
    );
  });
});
