import { mkdirSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { createExec } from '../../../src/host/exec.ts';
import { packageOwners } from '../../../src/systemd/host-packages.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const exec = createExec({});

test('files belong to the packages in whose lists of dpkg they are', async () => {
  using root = temporaryDirectory();
  mkdirSync(root.at('var/lib/dpkg/info'), { recursive: true });
  const list = (name: string, ...paths: string[]) => {
    writeFileSync(root.at(`var/lib/dpkg/info/${name}`), ['/.', ...paths, ''].join('\n'));
  };
  list('jq.list', '/usr/bin', '/usr/bin/jq');
  list('libonig5:amd64.list', '/usr/lib/x86_64-linux-gnu/libonig.so.5');
  list('bash.list', '/bin', '/bin/bash');
  writeFileSync(root.at('var/lib/dpkg/info/jq.md5sums'), '/usr/bin/other');

  const owners = packageOwners(root.at('.'), exec);
  const found = await owners([
    'usr/bin/jq',
    'usr/lib/x86_64-linux-gnu/libonig.so.5',
    'usr/bin/bash',
    'usr/bin/other',
    'usr/bin/j',
  ]);

  expect(Object.fromEntries(found)).toEqual({
    'usr/bin/jq': 'jq',
    'usr/lib/x86_64-linux-gnu/libonig.so.5': 'libonig5',
    'usr/bin/bash': 'bash',
  });

  list('late.list', '/usr/bin/late', '/usr/bin/jq');
  expect(Object.fromEntries(await owners(['usr/bin/jq', 'usr/bin/late']))).toEqual({
    'usr/bin/jq': 'jq',
    'usr/bin/late': 'late',
  });
});

test('on a host without a database of packages nothing has an owner', async () => {
  using root = temporaryDirectory();

  expect((await packageOwners(root.at('.'), exec)(['usr/bin/jq'])).size).toBe(0);
});
