import { expect, test } from 'vitest';

import { AgentError } from '../../../../src/core/errors.ts';
import type { MergeWay } from '../../../../src/systemd/drivers/driver.ts';
import {
  imageMountsBy,
  keepingMounts,
  keyOf,
  mountedAt,
  mountedImages,
  noImageMounts,
  saidOfFiles,
  type OfferedImage,
} from '../../../../src/systemd/drivers/images.ts';

const sha256 = 'ab'.repeat(32);
const key = keyOf(sha256, { inode: 7, mtime: 1795597183137991 });
const image: OfferedImage = { name: 'a', type: 'erofs', path: `/store/${sha256}.raw`, key };

test('what an image is mounted as tells which state of it that is', () => {
  expect(mountedAt(`${mountedImages}/${key}`)).toEqual({ inode: 7, mtime: 1795597183137991 });
  for (const path of [`/var/lib/extensions/a.raw`, `${mountedImages}/${sha256}`, `${mountedImages}/../${key}`, key]) {
    expect(mountedAt(path)).toBeUndefined();
  }
});

test('a program runs with images mounted before it, and finds them as directories', () => {
  const mounts = imageMountsBy('/images', () => Promise.resolve({ exitCode: 0, said: [] }));

  expect(mounts.mounting([image], ['/swap', 'prepare', '/tool'])).toEqual([
    '/images',
    'mount',
    'erofs',
    image.path,
    key,
    '--',
    '/swap',
    'prepare',
    '/tool',
  ]);
  expect(mounts.offering([image], ['/tool', 'refresh'])).toEqual([
    '/images',
    'offer',
    'a',
    key,
    '--',
    '/tool',
    'refresh',
  ]);
  expect(mounts.mounting([], ['/swap'])).toEqual(['/swap']);
  expect(mounts.offering([], ['/tool'])).toEqual(['/tool']);
});

test('what systemd-sysext says of links is told of the files', () => {
  expect(saidOfFiles([`Using extensions '${key}', 'b.raw'.`, 'Unmerged.'], [image])).toEqual([
    "Using extensions 'a.raw', 'b.raw'.",
    'Unmerged.',
  ]);
});

test.each([
  ['is made', 0, [key]],
  ['fails', 1, []],
])('where a merge %s, what it needs stays mounted', async (_, exitCode, kept) => {
  const { way, keeps } = watched({ exitCode });
  await (await way('refresh', {}, [image])).commit();
  expect(keeps).toEqual([kept]);
});

test('where a merge is not made, what came for it goes', async () => {
  const aborted = watched({ exitCode: 0 });
  await (await aborted.way('refresh', {}, [image])).abort();
  expect(aborted.keeps).toEqual([[]]);

  const failed = watched(new AgentError('merge-failed', 'it was killed'));
  await expect(failed.way('refresh', {}, [image])).rejects.toThrow('it was killed');
  expect(failed.keeps).toEqual([[]]);
});

/** A way that ends like this, where nothing was mounted before. */
function watched(end: { readonly exitCode: number } | AgentError) {
  const keeps: (readonly string[])[] = [];
  const keep = (keys: readonly string[]) => {
    keeps.push(keys);
    return Promise.resolve();
  };
  const way: MergeWay = () => {
    if (end instanceof AgentError) return Promise.reject(end);
    return Promise.resolve({ commit: () => Promise.resolve({ ...end, said: [] }), abort: () => Promise.resolve() });
  };
  return { way: keepingMounts(way, { ...noImageMounts, keep }), keeps };
}
