import { expect, test } from 'vitest';

import { mountable, type MountFacts } from '../../../src/agent/offered-images.ts';
import type { JudgedImage } from '../../../src/systemd/verdicts.ts';

const sha256 = 'ab'.repeat(32);

function imageOf(name: string, more: Partial<JudgedImage['image']> = {}): JudgedImage {
  const path = `/var/lib/extensions/${name}.raw`;
  return {
    image: { name, kind: 'raw', path, realPath: path, ...more },
    verdict: { outcome: 'merges', hierarchies: ['usr'] },
  };
}

/** One image of ours, and nothing else. */
const plain: MountFacts = {
  images: [imageOf('a')],
  ours: [{ name: 'a', kind: 'raw', sha256, path: '/var/lib/extensions/a.raw' }],
  entries: ['a.raw'],
};

test('an image of the store that merges is mounted once', () => {
  expect(mountable(plain)).toEqual([{ name: 'a', sha256 }]);
  expect(mountable({ ...plain, entries: ['a.raw', 'ab.verity', 'a.conf', 'b'] })).toEqual([{ name: 'a', sha256 }]);
});

test.each<[string, Partial<MountFacts>]>([
  ['of somebody else', { ours: [] }],
  ['that another one comes before', { images: [imageOf('a', { path: '/etc/extensions/a.raw' })] }],
  ['that is a directory', { images: [imageOf('a', { kind: 'directory' })] }],
  ['that stops a merge', { images: [{ ...imageOf('a'), verdict: { outcome: 'stops', reason: 'it is bad' } }] }],
  ['that cannot be foretold', { images: [{ ...imageOf('a'), verdict: { outcome: 'unknown', reason: 'it is new' } }] }],
  ['that another name leads to', { images: [imageOf('a'), imageOf('b', { realPath: '/var/lib/extensions/a.raw' })] }],
  ['with a directory of its name', { entries: ['a', 'a.raw'] }],
  ['with a partition for verity', { entries: ['a.raw', 'a.verity'] }],
  ['with a root hash', { entries: ['a.raw', 'a.roothash'] }],
  ['with a signature', { entries: ['a.raw', 'a.usrhash.p7s'] }],
])('an image %s stays with systemd', (_, facts) => {
  expect(mountable({ ...plain, ...facts })).toEqual([]);
});

test('a name that means something else for a directory stays with systemd', () => {
  const path = '/var/lib/extensions/a.v.raw';
  expect(
    mountable({
      images: [imageOf('a.v', { path })],
      ours: [{ name: 'a.v', kind: 'raw', sha256, path }],
      entries: ['a.v.raw'],
    }),
  ).toEqual([]);
});
