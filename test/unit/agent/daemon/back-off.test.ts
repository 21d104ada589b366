import fc from 'fast-check';
import { expect, test } from 'vitest';

import { backOff } from '../../../../src/agent/daemon/back-off.ts';

test('what fails is tried again later and later, up to a quarter of an hour', () => {
  expect([1, 2, 3, 9, 10, 11, 1000].map((failures) => backOff(failures, 1))).toEqual([
    2000, 4000, 8000, 512_000, 900_000, 900_000, 900_000,
  ]);
});

test('hosts that failed at the same moment come back spread over half of the time', () => {
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), random, (failures, number) => {
      const longest = backOff(failures, 1);
      const delay = backOff(failures, number);
      expect(delay).toBeGreaterThanOrEqual(longest / 2);
      expect(delay).toBeLessThanOrEqual(longest);
    }),
  );
  expect(backOff(1, 0)).toBe(1000);
});
