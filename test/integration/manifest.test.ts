import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { makeDeb, makeRepository, type TestRepository } from './support/repository.ts';
import { specOf } from './support/target.ts';

/** The list of packages that a build puts into its image and beside it. */

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let scratch: string;
let root: string;
let repository: TestRepository;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'manifest-'));
  root = join(scratch, 'root');
  const make = (name: string, version: string, fields = {}) =>
    makeDeb(scratch, { name, version, fields, files: { [`usr/bin/${name}`]: '#!/bin/sh\n' } });
  repository = await makeRepository([
    make('plain', '1'),
    make('libonig5', '6.9', { Source: 'libonig' }),
    make('rebuilt', '2+b1', { Source: 'other (2)' }),
  ]);
  const targets = join(root, 'etc/sysext-agent/targets.d');
  mkdirSync(join(targets, 'keys'), { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
  copyFileSync(repository.keyFile, join(targets, 'keys/local.gpg'));
  const where = `{uri: '${repository.uri}', suites: [stable], components: [main], keys: [keys/local.gpg]}`;
  writeFileSync(join(targets, 'local.yml'), `description: for a test\nrepositories:\n  - ${where}\n`);
  writeFileSync(join(scratch, 'tools.yml'), specOf('tools', { plain: '', libonig5: '', rebuilt: '' }));
});

afterAll(async () => {
  await repository.close();
  rmSync(scratch, { recursive: true });
});

test('is the same in both places, names source packages, and is no reason to refuse the image', async () => {
  const output = join(scratch, 'out');
  const build = ['build', join(scratch, 'tools.yml'), '--target=local', `--root=${root}`, `--output=${output}`];
  const { path } = JSON.parse((await execa(program, [...build, '--json=short'])).stdout) as { path: string };

  const beside = readdirSync(output).filter((name) => name.endsWith('.spdx.json'));
  expect(beside).toHaveLength(1);
  execFileSync('fsck.erofs', [`--extract=${join(scratch, 'tree')}`, path], { stdio: 'ignore' });
  const inside = readFileSync(join(scratch, 'tree/usr/share/sysext-agent/manifests/tools.spdx.json'), 'utf8');
  expect(inside).toBe(readFileSync(join(output, beside[0] ?? ''), 'utf8'));

  const { stdout } = await execa(program, ['inspect', path, `--root=${root}`, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    fits: true,
    findings: [],
    packages: [
      { name: 'libonig5', version: '6.9', architecture: 'all', source: 'libonig' },
      { name: 'plain', version: '1', architecture: 'all' },
      { name: 'rebuilt', version: '2+b1', architecture: 'all', source: 'other (2)' },
    ],
  });
  const shown = await execa(program, ['inspect', path, `--root=${root}`]);
  expect(shown.stdout).toMatch(/^ +libonig5 +6\.9 +all +libonig$/m);
  expect(shown.stdout).toMatch(/^ +plain +1 +all +plain$/m);
});
