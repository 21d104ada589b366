import fc from 'fast-check';
import { expect, test } from 'vitest';

import { compareVersions, newestFirst } from '../../../src/core/version-order.ts';

/** Ascending, as the Version Format Specification (UAPI.10) has it. */
const ascending = [
  '122.1',
  '123~rc1-1',
  '123',
  '123-a',
  '123-a.1',
  '123-1',
  '123-1.1',
  '123^post1',
  '123.a-1',
  '123.1-1',
  '123a-1',
  '124-1',
];

test('the example of the specification', () => {
  for (const [index, older] of ascending.entries()) {
    for (const newer of ascending.slice(index + 1)) {
      expect([older, newer, Math.sign(compareVersions(older, newer))]).toEqual([older, newer, -1]);
    }
  }
});

test.each([
  ['1', '01', 0],
  ['1_a', '1a', 0],
  ['99999999999999999998', '99999999999999999999', -1],
  ['a', '1', -1],
  ['', '~', 1],
  ['', '1', -1],
  // As systemd has it: what comes right after one mark is looked at before the end.
  ['1^', '1^.', 1],
  ['1-', '1-^', 1],
  ['1^~', '1^.', 1],
  ['1~~', '1~', 1],
  ['1^_.', '1^', 1],
])('%j and %j: %d', (a, b, order) => {
  expect(compareVersions(a, b)).toBe(order);
});

test('it is an order', () => {
  const version = fc.string({ unit: fc.constantFrom('0', '1', 'a', 'B', '~', '-', '^', '.', '_', '+') });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }
    }),
  );
});

test('newestFirst() gives each version once, the newest first', () => {
  const versions = ['1.2', '1.10', '1.2~rc1', '1.10', '0.9', '1.10+b1', '007'];
  expect([...newestFirst(versions, (version) => version)]).toEqual([
    '007',
    '1.10+b1',
    '1.10',
    '1.10',
    '1.2',
    '1.2~rc1',
    '0.9',
  ]);
  expect([...newestFirst([], String)]).toEqual([]);
});
