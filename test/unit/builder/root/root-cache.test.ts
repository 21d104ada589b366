import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';

import { expect, test } from 'vitest';

import {
  forgetOldRoots,
  readRoot,
  rememberRoot,
  rootOfRequest,
  writeRoot,
} from '../../../../src/builder/root/root-cache.ts';
import { temporaryDirectory } from '../../../support/archives.ts';

const [used, unused, killed] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];

test('what was not used for a month is forgotten, and what is used does not get old', () => {
  using roots = temporaryDirectory();
  const old = new Date(Date.now() - 31 * 86_400_000);
  for (const digest of [used, unused, killed]) mkdirSync(roots.at(digest));
  for (const digest of [used, unused]) {
    writeRoot(roots.path, digest, []);
    rememberRoot(roots.path, `of-${digest}`, digest);
  }
  for (const name of ['apt-old', 'apt-new']) mkdirSync(roots.at(name));
  const forgotten = [`${unused}.json`, `of-${unused}.request`, `${used}.json`, `of-${used}.request`, 'apt-old'];
  for (const name of forgotten) utimesSync(roots.at(name), old, old);

  expect(rootOfRequest(roots.path, `of-${used}`)).toMatchObject({ digest: used });
  const gone = forgetOldRoots(roots.path, new Date());

  expect(gone.toSorted()).toEqual([roots.at('apt-old'), roots.at(unused), roots.at(killed)].toSorted());
  expect(readRoot(roots.path, used)).toMatchObject({ directory: roots.at(used) });
  expect(existsSync(roots.at(unused))).toBe(true);
  expect(readRoot(roots.path, unused)).toBeUndefined();
  expect(readdirSync(roots.path).filter((name) => name.endsWith('.request'))).toEqual([`of-${used}.request`]);
});
