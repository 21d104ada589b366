import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { makeDeb } from './support/repository.ts';
import { makeRpm } from './support/rpm-repository.ts';

const checkout = resolve(import.meta.dirname, '../..');

/** It has build steps, of which its program comes. */
const spec = join(checkout, 'test/fixtures/specs/config-and-systemd.yml');

let scratch: string;
let directory: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'prebuilt-'));
  mkdirSync(join(scratch, 'root/etc'), { recursive: true });
  writeFileSync(join(scratch, 'root/etc/os-release'), 'ID=test\n');
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(scratch, 'work-'));
});

function contextWith(name: string, program: string): string {
  const context = join(directory, name);
  mkdirSync(context, { recursive: true });
  makeDeb(context, {
    name: 'cfgd',
    version: '0.1.0-1',
    files: { 'usr/bin/cfgd': program, 'etc/cfgd/cfgd.conf': 'x\n' },
  });
  return context;
}

function build(...more: string[]) {
  const common = [
    `--root=${join(scratch, 'root')}`,
    `--output=${join(directory, 'out')}`,
    '--json=short',
    '--offline',
    '--test=none',
  ];
  return execa(join(checkout, 'bin/sysext-agent'), ['build', spec, ...common, ...more], { reject: false });
}

function unpacked({ stdout }: { readonly stdout: string }): string {
  const tree = join(mkdtempSync(join(directory, 'tree-')), 't');
  execFileSync('fsck.erofs', [`--extract=${tree}`, (JSON.parse(stdout) as { path: string }).path]);
  return tree;
}

describe('a package of the spec that was built elsewhere', () => {
  test('takes the place of all that would have to be built', async () => {
    const without = await build('--target=trixie');
    const result = await build('--target=trixie', `--build-context=pkg=${contextWith('any', 'prebuilt\n')}`);

    expect(without.exitCode).toBe(1);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stderr).toContain('taking the packages of the build context pkg for the own package of the spec');
    const tree = unpacked(result);
    expect(readFileSync(join(tree, 'usr/bin/cfgd'), 'utf8')).toBe('prebuilt\n');
    expect(readFileSync(join(tree, 'usr/share/cfgd/etc/cfgd/cfgd.conf'), 'utf8')).toBe('x\n');
    expect(existsSync(join(tree, 'usr/lib/systemd/system/cfgd.service'))).toBe(false);
  });

  test('is that of the target before that for all targets', async () => {
    const contexts = [
      `--build-context=pkg=${contextWith('any', 'any\n')}`,
      `--build-context=trixie-pkg=${contextWith('trixie', 'trixie\n')}`,
    ];

    const [trixie, noble] = [await build('--target=trixie', ...contexts), await build('--target=noble', ...contexts)];

    expect(trixie.stderr).toContain('the build context trixie-pkg');
    expect(readFileSync(join(unpacked(trixie), 'usr/bin/cfgd'), 'utf8')).toBe('trixie\n');
    expect(readFileSync(join(unpacked(noble), 'usr/bin/cfgd'), 'utf8')).toBe('any\n');
  });

  test('makes another image when it changes', async () => {
    const first = await build('--target=trixie', `--build-context=pkg=${contextWith('any', 'one\n')}`);
    const second = await build('--target=trixie', `--build-context=pkg=${contextWith('any', 'two\n')}`);

    expect(first.exitCode, first.stderr).toBe(0);
    expect(readFileSync(join(unpacked(second), 'usr/bin/cfgd'), 'utf8')).toBe('two\n');
  });

  test('is below RPMS for an rpm target, where packages of sources do not count', async () => {
    const rpms = join(directory, 'rpm/RPMS/x86_64');
    mkdirSync(rpms, { recursive: true });
    makeRpm(rpms, { name: 'cfgd', version: '0.1.0' });
    writeFileSync(join(rpms, 'cfgd-0.1.0-1.src.rpm'), 'no package to install');

    const result = await build('--target=azlinux3', `--build-context=pkg=${join(directory, 'rpm')}`);

    expect(result.exitCode, result.stderr).toBe(0);
    expect(readFileSync(join(unpacked(result), 'usr/bin/cfgd'), 'utf8')).toBe('cfgd-0.1.0\n');
  });

  test('must be there', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);

    const results = [
      await build('--target=trixie', `--build-context=pkg=${empty}`),
      await build('--target=azlinux3', `--build-context=pkg=${join(directory, 'nowhere')}`),
    ];

    expect(results.map(({ exitCode }) => exitCode)).toEqual([1, 1]);
    expect(results[0]?.stderr).toContain(`the build context pkg has no package: there is no .deb in ${empty}`);
    expect(results[1]?.stderr).toContain(`there is no .rpm in ${join(directory, 'nowhere/RPMS')}`);
  });

  test('is refused where it is damaged, by its name', async () => {
    const context = contextWith('any', 'whole\n');
    const [deb] = [join(context, 'cfgd_0.1.0-1_all.deb')];
    writeFileSync(deb, readFileSync(deb).subarray(0, 150));

    const { stderr, exitCode } = await build('--target=trixie', `--build-context=pkg=${context}`);

    expect(stderr).toContain('the package cfgd_0.1.0-1_all.deb of the build context is refused');
    expect(exitCode).toBe(7);
  });
});
