import { expect, test } from 'vitest';

import { expectation } from '../../../src/agent/merging.ts';
import type { JudgedImage, Verdict } from '../../../src/systemd/verdicts.ts';

function judged(name: string, verdict: Verdict): JudgedImage {
  const path = `/var/lib/extensions/${name}`;
  return { image: { name, kind: 'directory', path, realPath: path }, verdict };
}

const merges: Verdict = { outcome: 'merges', hierarchies: ['usr'] };
const empty: Verdict = { outcome: 'merges', hierarchies: [] };
const ignored: Verdict = { outcome: 'ignored', why: { field: 'ID', expected: 'a', found: 'b', reason: 'it is for b' } };
const unknown: Verdict = { outcome: 'unknown', reason: 'it is a block device' };

test('what fits must be merged, what cannot be foretold may be', () => {
  const images = [judged('a', merges), judged('b', ignored), judged('c', unknown)];

  expect(expectation(images, false)).toEqual({ required: ['a'], possible: ['a', 'c'] });
});

test('with force, what does not fit may be merged too', () => {
  expect(expectation([judged('a', merges), judged('b', ignored)], true)).toEqual({
    required: ['a'],
    possible: ['a', 'b'],
  });
});

test('an extension without /usr and /opt counts only beside one that has them', () => {
  expect(expectation([judged('a', empty)], false).required).toEqual([]);
  expect(expectation([judged('a', empty), judged('b', merges)], false).required).toEqual(['a', 'b']);
});
