import fs from 'node:fs';

import { expect, test } from 'vitest';

import { removeSuperseded } from '../../../../src/builder/packages/index-cache.ts';
import { temporaryDirectory } from '../../../support/archives.ts';

test('databases in older formats of the family are removed, those of others stay', () => {
  using directory = temporaryDirectory();
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const names = [`${a}.1.sqlite`, `${b}.3.sqlite`, `${b}.4.sqlite`, `${a}.5.sqlite`, `${a}.rpm-1.sqlite`, 'x.1.sqlite'];
  for (const name of names) fs.writeFileSync(directory.at(name), '');

  removeSuperseded(directory.path, [], { name: '4', build: () => undefined }, new Date());

  expect(fs.readdirSync(directory.path).sort()).toEqual(names.slice(2).sort());
});
