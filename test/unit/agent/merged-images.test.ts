import { expect, test } from 'vitest';

import type { MergeRecord } from '../../../src/agent/merge-record.ts';
import { mergedImages, type MergeEvidence } from '../../../src/agent/merged-images.ts';

const file = { device: 1, inode: 2, size: 3, mtime: 1_000_000, birth: 900_000 };
const mark = { hierarchy: '/usr', device: 9, since: 5000, mutable: false };
const record: MergeRecord = { marks: [mark], images: [{ name: 'a', path: '/x/a.raw', identity: file, sha256: 'ab' }] };
const origin = [{ name: 'a', path: '/x/a.raw', mtime: file.mtime, birth: file.birth }];

function imagesOf(evidence: Partial<MergeEvidence>) {
  return mergedImages({
    merged: ['a'],
    marks: [mark],
    origin: undefined,
    record: undefined,
    inPlace: new Map([['a', { ...file, kind: 'raw' }]]),
    ...evidence,
  });
}

const replaced = new Map([['a', { ...file, inode: 5, mtime: 2_000_000, birth: 2_000_000, kind: 'raw' }]]);

test('without a word from systemd or ourselves it is unknown', () => {
  expect(imagesOf({})).toEqual({ images: [{ name: 'a', known: 'unknown' }], byOthers: [] });
});

test('what was written after the merge is not what was merged, and a directory says nothing', () => {
  const later = { ...file, mtime: 6_000_000 };

  expect(imagesOf({ inPlace: new Map([['a', { ...later, kind: 'raw' }]]) }).images).toEqual([
    { name: 'a', known: 'unknown', current: false },
  ]);
  expect(imagesOf({ inPlace: new Map([['a', { ...later, kind: 'directory' }]]) }).images).toEqual([
    { name: 'a', known: 'unknown' },
  ]);
});

test('our record tells, as long as nobody else has merged', () => {
  const known = { name: 'a', known: 'record', path: '/x/a.raw', sha256: 'ab' };

  expect(imagesOf({ record })).toEqual({ images: [{ ...known, current: true }], byOthers: [] });
  expect(imagesOf({ record, inPlace: replaced }).images).toEqual([{ ...known, current: false }]);
  expect(imagesOf({ record, inPlace: new Map() }).images).toEqual([{ ...known, current: false }]);
  expect(imagesOf({ record, marks: [{ ...mark, since: 5001 }] })).toEqual({
    images: [{ name: 'a', known: 'unknown' }],
    byOthers: ['/usr'],
  });
});

test('where we took everything out, what is merged was merged by others', () => {
  expect(imagesOf({ record: { marks: [], images: [] } }).byOthers).toEqual(['/usr']);
});

test('the time of a hierarchy that can be written to says nothing of another merge', () => {
  expect(imagesOf({ record, marks: [{ ...mark, since: 7000, mutable: true }] })).toEqual({
    images: [{ name: 'a', known: 'unknown' }],
    byOthers: [],
  });
});

test('systemd tells from 260 on, whoever has merged', () => {
  const known = { name: 'a', known: 'origin', path: '/x/a.raw' };

  expect(imagesOf({ origin }).images).toEqual([{ ...known, current: true }]);
  expect(imagesOf({ origin, inPlace: replaced }).images).toEqual([{ ...known, current: false }]);
  expect(imagesOf({ origin, record, marks: [{ ...mark, since: 1 }] })).toEqual({
    images: [{ ...known, sha256: 'ab', current: true }],
    byOthers: ['/usr'],
  });
});

test('of an image with verity nobody knows whether the file is still the same', () => {
  const verity = [{ name: 'a', path: '/x/a.raw', verityHash: 'cd' }];

  expect(imagesOf({ origin: verity }).images).toEqual([{ name: 'a', known: 'origin', path: '/x/a.raw' }]);
});

test('an origin that names other extensions than are merged is not believed', () => {
  expect(imagesOf({ origin: [...origin, { name: 'b', path: '/b' }] }).images).toEqual([
    { name: 'a', known: 'unknown' },
  ]);
});
