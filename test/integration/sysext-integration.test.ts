import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

import { buildingHost } from '../lab/build-host.ts';
import { dalecsOwn, patchContext } from './support/dalecs-own-test.ts';
import { makeDeb, makeRepository, makeSigningKey, type SigningKey, type TestRepository } from './support/repository.ts';
import { makeRpm, makeRpmRepository, type TestRpmRepository } from './support/rpm-repository.ts';

const checkout = resolve(import.meta.dirname, '../..');
const fixture = join(checkout, 'test/fixtures/specs/sysext-integration.yml');

/** What the spec lists, what it needs when it runs, and what those need: the last two must stay out. */
const offered = {
  zsh: { version: '5.9', files: ['usr/bin/zsh'], needs: 'bash' },
  zstd: { version: '1.5.5', files: ['usr/bin/zstd'], needs: 'zlib' },
  bash: { version: '5.2', files: ['usr/bin/bash'], needs: 'zlib' },
  coreutils: { version: '9.4', files: ['usr/bin/ls'], needs: 'zlib' },
  zlib: { version: '1.3', files: ['usr/lib/libz.so.1', 'usr/lib/x86_64-linux-gnu/libz.so.1'], needs: undefined },
} as const;

let scratch: string;
let key: SigningKey;
let debs: TestRepository;
let rpms: TestRpmRepository;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'sysext-integration-'));
  key = makeSigningKey(scratch);
  debs = await makeRepository(Object.entries(offered).map(debOf));
  rpms = await makeRpmRepository(Object.entries(offered).map(rpmOf), key);
  const targets = join(scratch, 'root/etc/sysext-agent/targets.d');
  mkdirSync(targets, { recursive: true });
  writeFileSync(join(scratch, 'root/etc/os-release'), 'ID=test\n');
  writeFileSync(
    join(targets, 'trixie.yml'),
    `repositories: [{uri: '${debs.uri}', suites: [stable], components: [main], keys: ['${debs.keyFile}']}]\n`,
  );
  writeFileSync(
    join(targets, 'azlinux3.yml'),
    `repositories: [{family: rpm, baseurl: '${rpms.uri}', repo_gpgcheck: true, keys: ['${key.keyFile}']}]\n`,
  );
});

afterAll(async () => {
  await debs.close();
  await rpms.close();
  key.discard();
  rmSync(scratch, { recursive: true });
});

type Offer = (typeof offered)[keyof typeof offered];

function debOf([name, { version, files, needs }]: [string, Offer]): string {
  const tree = Object.fromEntries(files.map((file) => [file, `${name}\n`]));
  return makeDeb(scratch, {
    name,
    version,
    files: tree,
    ...(needs === undefined ? {} : { fields: { Depends: needs } }),
  });
}

function rpmOf([name, { version, files, needs }]: [string, Offer]): string {
  return makeRpm(scratch, {
    name,
    version,
    key,
    install: files.flatMap((file) => [`mkdir -p $(dirname ${file})`, `echo ${name} > ${file}`, `chmod 755 ${file}`]),
    files: files.map((file) => `/${file}`),
    ...(needs === undefined ? {} : { preamble: [`Requires: ${needs}`] }),
  });
}

/** The spec without what has to be built or patched first. */
function withoutBuild(): string {
  const spec = parse(readFileSync(fixture, 'utf8')) as {
    build?: unknown;
    patches?: unknown;
    artifacts: { binaries: Record<string, unknown> };
  };
  delete spec.build;
  delete spec.patches;
  spec.artifacts.binaries = { src1: {}, src3: {}, 'src2/file1': {} };
  return stringify(spec);
}

/** Without its tests: no root can be made of these packages. */
function build(spec: string, target: string, ...more: readonly string[]) {
  const args = [
    '--test=none',
    `--target=${target}`,
    `--root=${join(scratch, 'root')}`,
    `--output=${join(scratch, 'out')}`,
  ];
  return execa(join(checkout, 'bin/sysext-agent'), ['build', spec, ...args, ...more], { reject: false });
}

describe.each(['trixie', 'azlinux3'])("the spec of Dalec's own test of system extensions, for %s", (target) => {
  let tree: string;

  beforeAll(async () => {
    const spec = join(scratch, 'without-build.yml');
    writeFileSync(spec, withoutBuild());
    const { exitCode, stderr, stdout } = await build(spec, target);
    expect(exitCode, stderr).toBe(0);
    const image = join(scratch, 'out', `test-sysext-build-v0.0.1-1-${target}-x86-64.raw`);
    expect(stdout).toContain(image);
    tree = join(scratch, `tree-${target}`);
    await execa('fsck.erofs', [`--extract=${tree}`, '--preserve', image]);
  });

  test('has the packages that it lists', () => {
    expect(readFileSync(join(tree, 'usr/bin/zsh'), 'utf8')).toBe('zsh\n');
    expect(readFileSync(join(tree, 'usr/bin/zstd'), 'utf8')).toBe('zstd\n');
  });

  test.each(['usr/bin/bash', 'usr/bin/ls', 'usr/lib/libz.so.1', 'usr/lib/x86_64-linux-gnu/libz.so.1'])(
    'has no %s, which only something else needs',
    (path) => {
      expect(existsSync(join(tree, path))).toBe(false);
    },
  );

  test('has its own files and links', () => {
    expect(readFileSync(join(tree, 'usr/bin/src1'), 'utf8')).toBe('#!/usr/bin/env bash\necho hello world');
    expect((lstatSync(join(tree, 'usr/bin/src1')).mode & 0o7777).toString(8)).toBe('700');
    expect(readlinkSync(join(tree, 'usr/bin/owned-link'))).toBe('/usr/bin/src3');
    expect(readlinkSync(join(tree, 'usr/bin/owned-link2'))).toBe('/usr/bin/src2/file2');
    expect(lstatSync(join(tree, 'usr/bin/owned-link')).uid).toBe(0);
  });

  test('says what it is', () => {
    const releases = join(tree, 'usr/lib/extension-release.d');

    expect(readFileSync(join(releases, 'extension-release.test-sysext-build'), 'utf8')).toBe(
      'ID=_any\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\n',
    );
    expect(readlinkSync(join(releases, `extension-release.test-sysext-build-v0.0.1-1-${target}-x86-64`))).toBe(
      'extension-release.test-sysext-build',
    );
  });

  test('as a whole is made by five patches and twelve steps', async () => {
    const context = `--build-context=patch-context=${scratch}`;
    const { exitCode, stderr, stdout } = await build(fixture, target, context, '--dry-run');

    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/\bpatch patch5 of src2\b|\bpatch src2-patch5 of src2\b|patch5/);
    expect(stdout).toContain('build step 12');
    expect(stdout).not.toContain('build step 13');
  });
});

describe("the spec of Dalec's own test of system extensions, as a whole, from Debian's packages", () => {
  /** Dalec leaves id and version empty where packages are deb; the last word is that of this run, so that it is built. */
  const spec = (version: string) => dalecsOwn({ id: '', version }).replace('echo goodbye', `$& ${process.pid}`);

  async function buildWhole(version: string) {
    const path = join(scratch, 'whole.yml');
    writeFileSync(path, spec(version));
    const { root } = await buildingHost();
    const args = ['--target=trixie', `--root=${root}`, `--output=${join(scratch, `whole-${version}`)}`];
    const context = `--build-context=patch-context=${patchContext(scratch)}`;
    return execa(join(checkout, 'bin/sysext-agent'), ['build', path, ...args, context, '--json=short'], {
      reject: false,
    });
  }

  test('passes its five tests', async () => {
    const { exitCode, stderr, stdout } = await buildWhole('');

    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('build step 12\n');
    expect(stderr).toContain('running the tests of the spec in a root of the target');
    const { path, tested } = JSON.parse(stdout) as { path: string; tested: readonly string[] };
    expect(tested).toEqual(['target']);
    const tree = join(scratch, 'tree-whole');
    await execa('fsck.erofs', [`--extract=${tree}`, '--preserve', path]);
    const { stdout: says } = await execa('sh', ['-euc', './src1; ./file2; cat foo0.txt bar.txt; ls zsh zstd'], {
      cwd: join(tree, 'usr/bin'),
    });
    expect(says).toBe('hello world\nAdded a new file\nfoo_0\nbar\nzsh\nzstd');
  }, 1_200_000);

  test('is not built where one of them fails', async () => {
    const { exitCode, stderr } = await buildWhole('nothing');

    expect(exitCode).toBe(1);
    expect(stderr).toContain('1 of 5 tests of the spec failed in a root of the target');
    expect(stderr).toContain('tests[3].files["/etc/os-release"].matches[1]');
    expect(existsSync(join(scratch, 'whole-nothing'))).toBe(false);
  });
});
