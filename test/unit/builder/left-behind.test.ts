import { mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { basename } from 'node:path';

import { expect, test } from 'vitest';

import { removeLeftBehind } from '../../../src/builder/left-behind.ts';
import { makeOwnedDirectory } from '../../../src/host/owned.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const namespace = readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
/** More than the kernel counts to. */
const noProcess = 2 ** 22 + 1;

const sandbox = {
  removeLayer: (directory: string) => {
    rmSync(directory, { recursive: true });
    return Promise.resolve();
  },
};

test.each(['work', 'making', 'making/caches', 'tests'])(
  'what killed builds left in %s goes, and what may be in use stays',
  async (place) => {
    using cache = temporaryDirectory();
    const dead = `.#of-${noProcess}-1-${namespace}-0a`;
    const elsewhere = `.#of-${noProcess}-1-1-0a`;
    const own = basename(makeOwnedDirectory(cache.at(place)));
    for (const name of [dead, elsewhere, 'kept']) mkdirSync(cache.at(`${place}/${name}/layer`), { recursive: true });

    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

    await removeLeftBehind(cache.path, new Date(), sandbox);
    expect(readdirSync(cache.at(place)).sort()).toEqual([own, elsewhere, 'kept'].sort());
    await removeLeftBehind(cache.path, inDays(0.9), sandbox);
    expect(readdirSync(cache.at(place)).sort()).toEqual([own, elsewhere, 'kept'].sort());
    await removeLeftBehind(cache.path, inDays(1.1), sandbox);
    expect(readdirSync(cache.at(place))).toEqual([own, 'kept']);
  },
);

test('where no build has been there is nothing to do', async () => {
  using cache = temporaryDirectory();

  await removeLeftBehind(cache.path, new Date(), sandbox);

  expect(readdirSync(cache.path)).toEqual([]);
});
