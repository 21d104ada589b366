import fc from 'fast-check';
import { expect, test } from 'vitest';

import { duration, durationText } from '../../../../src/core/yaml/duration.ts';
import { decode } from './decode.ts';

test.each([
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['0s', 0],
])('%s is so many milliseconds', (text, milliseconds) => {
  expect(decode(text, duration)).toBe(milliseconds);
});

test.each(['10', '-1s', '1.5s', '10 s', '10sec', 's', '""', '1d', '99999999999s'])('%s is no duration', (text) => {
  expect(decode(text, duration)).toEqual([expect.stringMatching(/is no duration such as 10s or 1m30s|expected text/)]);
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (milliseconds) => {
      expect(decode(durationText(milliseconds), duration)).toBe(milliseconds);
    }),
  );
  expect(durationText(3_723_004)).toBe('1h2m3s4ms');
});
