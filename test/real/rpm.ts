import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';

import { dalecsOwn, patchContext } from '../integration/support/dalecs-own-test.ts';
import { makeSigningKey } from '../integration/support/repository.ts';
import { makeRpmRepository } from '../integration/support/rpm-repository.ts';
import { bootMachine } from '../lab/machine.ts';
import { rpmDistribution } from './rpm-distribution.ts';

/*
 * Builds a C program with three patches, and the spec of Dalec's own test of extensions, for a distribution of rpm packages,
 * and merges both. What fails a test of its own is neither built nor installed.
 *   node test/real/rpm.ts
 */

const agent = resolve(import.meta.dirname, '../../bin/sysext-agent');
const work = fs.mkdtempSync(join(tmpdir(), 'rpm-builds-'));
const root = join(work, 'root');
const key = makeSigningKey(work, 'distributor');
const repository = await makeRpmRepository(await rpmDistribution(work, key), key);

try {
  describeTarget();
  const greeting = await build(written('greeting.yml', greetingSpec()));
  const context = `--build-context=patch-context=${patchContext(work)}`;
  const distribution = { id: 'azurelinux', version: '3.0' };
  const integration = await build(written('integration.yml', dalecsOwn(distribution)), context);
  assert.deepEqual(integration.tested, ['target']);
  await failsAndInstallsNothing(written('failing.yml', dalecsOwn({ id: 'azurelinux', version: '4.0' })), context);
  for (const systemd of [252, 257] as const) {
    await using machine = await bootMachine({ systemd });
    await machine.copyIn(greeting.path, '/srv/greeting.raw');
    await machine.copyIn(integration.path, '/srv/test-sysext-build.raw');
    // Its zsh and zstd are those of a newer release than that of 252.
    const allow = systemd === 252 ? ['--allow=symbol-version'] : [];
    for (const args of [['/srv/greeting.raw'], ['/srv/test-sysext-build.raw', ...allow]]) {
      const { exitCode, stderr } = await machine.agent(['install', ...args]);
      assert.equal(exitCode, 0, stderr);
    }
    assert.equal(
      await machine.shell('greeting; src1; file2; cat /usr/bin/foo1.txt; readlink /usr/bin/owned-link'),
      'one two three\nhello world\nAdded a new file\nfoo_1\n/usr/bin/src3\n',
    );
    report(`both run where systemd ${systemd} has merged them`);
  }
} finally {
  await repository.close();
  key.discard();
  fs.rmSync(work, { recursive: true, force: true });
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describeTarget(): void {
  const targets = join(root, 'etc/sysext-agent/targets.d');
  fs.mkdirSync(targets, { recursive: true });
  fs.writeFileSync(join(root, 'etc/os-release'), 'ID=made\nVERSION_ID=1\n');
  const signed = `{family: rpm, baseurl: '${repository.uri}', gpgcheck: true, repo_gpgcheck: true, keys: ['${key.keyFile}']}`;
  fs.writeFileSync(
    join(targets, 'made-of-rpm.yml'),
    `description: made of Debian's packages\nreleasever: '1'\nrepositories: [${signed}]\n`,
  );
}

function written(name: string, text: string): string {
  const path = join(work, name);
  fs.writeFileSync(path, text);
  return path;
}

function run(command: string, spec: string, ...more: readonly string[]) {
  const args = [command, spec, '--target=made-of-rpm', `--root=${root}`, '--json=short', ...more];
  return execa(agent, args, { reject: false });
}

async function build(spec: string, ...more: readonly string[]) {
  const { exitCode, stdout, stderr } = await run('build', spec, `--output=${join(work, 'out')}`, ...more);
  assert.equal(exitCode, 0, stderr);
  const { path, tested } = JSON.parse(stdout) as { path: string; tested: readonly string[] };
  report(`built ${path}`);
  return { path, tested };
}

async function failsAndInstallsNothing(spec: string, context: string): Promise<void> {
  const output = join(work, 'failed');
  for (const command of [['build', `--output=${output}`], ['install']] as const) {
    const [name, ...more] = command;
    const { exitCode, stderr } = await run(name, spec, context, ...more);
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /1 of 5 tests of the spec failed in a root of the target/);
    assert.match(stderr, /tests\[3\]\.files.*check_type=matches expected: .*VERSION_ID=.*4\.0/);
  }
  assert.equal(fs.existsSync(output), false);
  assert.equal(fs.existsSync(join(root, 'var/lib')), false);
  report('with one failing test: neither built nor installed');
}

/** A program whose three words come from three patches. */
function greetingSpec(): string {
  const indented = (lines: readonly string[], by: number) => lines.map((line) => `${' '.repeat(by)}${line}\n`).join('');
  const program = (words: string) => ['#include <stdio.h>', 'int main(void) {', `  puts("${words}");`, '  return 0; }'];
  const patchOf = (from: string, to: string) => {
    const [first, second, before, last] = program(from);
    const after = program(to)[2];
    const head = ['--- a/greeting.c', '+++ b/greeting.c', '@@ -1,4 +1,4 @@'];
    return [...head, ` ${first}`, ` ${second}`, `-${before}`, `+${after}`, ` ${last}`];
  };
  const patch = (name: string, from: string, to: string) =>
    `  ${name}:\n    inline:\n      file:\n        contents: |\n${indented(patchOf(from, to), 10)}`;
  return `name: greeting
version: "1"
sources:
  src:
    inline:
      dir:
        files:
          greeting.c:
            contents: |
${indented(program('nothing'), 14)}${patch('one', 'nothing', 'one')}${patch('two', 'one', 'one two')}${patch('three', 'one two', 'one two three')}patches:
  src: [{source: one}, {source: two}, {source: three}]
build:
  steps:
    - command: cc -static -O2 -o greeting src/greeting.c
artifacts:
  binaries: {greeting: }
tests:
  - name: it greets
    steps:
      - {command: greeting, stdout: {equals: "one two three\\n"}}
`;
}
