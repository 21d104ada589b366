import { mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';

import { expect, test } from 'vitest';

import { removeLeftBehind } from '../../../src/builder/left-behind.ts';
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
    for (const name of [dead, elsewhere, 'kept']) mkdirSync(cache.at(`${place}/${name}/layer`), { recursive: true });

    await removeLeftBehind(cache.path, sandbox);

    expect(readdirSync(cache.at(place))).toEqual([elsewhere, 'kept']);
  },
);

test('where no build has been there is nothing to do', async () => {
  using cache = temporaryDirectory();

  await removeLeftBehind(cache.path, sandbox);

  expect(readdirSync(cache.path)).toEqual([]);
});
