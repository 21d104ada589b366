import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { execa } from 'execa';

import { makeSigningKey } from '../integration/support/repository.ts';
import { makeRpmRepository } from '../integration/support/rpm-repository.ts';
import { bootMachine } from '../lab/machine.ts';
import { rpmDistribution } from './rpm-distribution.ts';

/*
 * Builds a C program with three patches, and the spec of Dalec's own test of extensions, for a distribution of rpm packages,
 * and merges both.
 *   node test/real/rpm.ts
 */

const checkout = resolve(import.meta.dirname, '../..');
const agent = join(checkout, 'bin/sysext-agent');
const work = fs.mkdtempSync(join(tmpdir(), 'rpm-builds-'));
const key = makeSigningKey(work, 'distributor');
const repository = await makeRpmRepository(await rpmDistribution(work, key), key);

function put(path: string, text: string): string {
  fs.mkdirSync(dirname(join(work, path)), { recursive: true });
  fs.writeFileSync(join(work, path), text);
  return join(work, path);
}

/** A patch that adds a program. */
function adding(name: string, says: string): string {
  const lines = ['#!/usr/bin/env bash', '', `echo "${says}"`];
  return `diff --git a/${name} b/${name}
new file mode 100700
--- /dev/null
+++ b/${name}
@@ -0,0 +1,${lines.length} @@
${lines.map((line) => `+${line}\n`).join('')}`;
}

async function build(spec: string, ...more: readonly string[]): Promise<string> {
  const args = ['build', spec, '--target=made-of-rpm', `--root=${work}/root`, `--output=${work}`, '--json', ...more];
  const { stdout } = await execa(agent, args, { stderr: 'inherit' });
  return (JSON.parse(stdout) as { path: string }).path;
}

try {
  put('root/usr/lib/os-release', 'ID=made\nVERSION_ID=1\n');
  const repositoryText = `{family: rpm, baseurl: '${repository.uri}', gpgcheck: true, repo_gpgcheck: true, keys: ['${key.keyFile}']}`;
  put(
    'root/etc/sysext-agent/targets.d/made-of-rpm.yml',
    `description: made of Debian's packages\nreleasever: '1'\nrepositories: [${repositoryText}]\n`,
  );
  const greeting = await build(put('greeting.yml', greetingSpec()));
  for (const [name, says] of Object.entries({
    patch3: 'Added another new file',
    'patches/patch4': 'Added yet another new file',
    'patches/patch5': 'Added the last new file',
  })) {
    put(`context/${name}`, adding(`file${name.at(-1)}`, says));
  }
  const spec = put(
    'integration.yml',
    fs.readFileSync(join(checkout, 'test/fixtures/specs/sysext-integration.yml'), 'utf8'),
  );
  const integration = await build(spec, `--build-context=patch-context=${work}/context`);
  for (const systemd of [252, 257] as const) {
    await using machine = await bootMachine({ systemd });
    await machine.copyIn(greeting, '/srv/greeting.raw');
    await machine.copyIn(integration, '/srv/test-sysext-build.raw');
    await machine.shell('sysext-agent install /srv/greeting.raw /srv/test-sysext-build.raw --force', {
      timeoutMs: 60_000,
    });
    const said = await machine.shell('greeting; src1; file2');
    process.stdout.write(`systemd ${systemd}:\n${said}\n`);
  }
} finally {
  await repository.close();
  key.discard();
  fs.rmSync(work, { recursive: true, force: true });
}

/** A program whose three words come from three patches. */
function greetingSpec(): string {
  const patchOf = (from: string, to: string) => `--- a/greeting.c
          +++ b/greeting.c
          @@ -1,4 +1,4 @@
           #include <stdio.h>
           int main(void) {
          -  puts("${from}");
          +  puts("${to}");
             return 0; }
`;
  const source = (name: string, text: string) =>
    `  ${name}:\n    inline:\n      file:\n        contents: |\n          ${text}`;
  return `name: greeting
version: "1"
sources:
  src:
    inline:
      dir:
        files:
          greeting.c:
            contents: |
              #include <stdio.h>
              int main(void) {
                puts("nothing");
                return 0; }
${source('one', patchOf('nothing', 'one'))}${source('two', patchOf('one', 'one two'))}${source('three', patchOf('one two', 'one two three'))}patches:
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
