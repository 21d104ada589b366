import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeSigningKey } from '../integration/support/repository.ts';
import { makeRpm, makeRpmRepository } from '../integration/support/rpm-repository.ts';
import { bootRpmMachine } from '../lab/rpm-managers.ts';

/*
 * Has dnf5 make the root in which the test of a spec runs, on a machine that has no other dnf.
 *   node test/real/dnf5.ts
 */

const work = fs.mkdtempSync(join(tmpdir(), 'dnf5-'));
const key = makeSigningKey(work, 'distributor');
const repository = await makeRpmRepository(smallestSystem(), key);

try {
  // The root directory of a machine is an overlay, on which no sandbox can make another one.
  const cache = { source: fs.mkdtempSync(join(work, 'cache-')), target: '/var/cache/sysext-agent' };
  const signed = `{family: rpm, baseurl: '${repository.uri}', gpgcheck: true, repo_gpgcheck: true, keys: [/srv/distributor.gpg]}`;
  await using machine = await bootRpmMachine({
    binds: [cache],
    files: {
      '/etc/sysext-agent/targets.d/local.yml': `releasever: '1'\nrepositories: [${signed}]\n`,
      '/etc/told.yml': toldSpec(),
    },
  });
  await machine.copyIn(key.keyFile, '/srv/distributor.gpg');
  await machine.shell(
    `rm /usr/bin/dnf /usr/bin/dnf-3
    command -v bwrap || { apt-get update -qq; apt-get install -yqq bubblewrap; }`,
    { timeoutMs: 300_000 },
  );
  const version = (await machine.shell('dnf5 --version | head -n1')).trim();
  const args = ['build', '/etc/told.yml', '--target=local', '--output=/srv/out', '--test=target', '--json=short'];
  const { exitCode, stdout, stderr } = await machine.agent(args, { timeoutMs: 300_000 });
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /the build root of local has 4 packages/);
  assert.deepEqual((JSON.parse(stdout) as { tested: unknown }).tested, ['target']);
  process.stdout.write(`${version} makes roots in which tests pass\n`);
} finally {
  await repository.close();
  key.discard();
  fs.rmSync(work, { recursive: true, force: true });
}

/** As many packages as a root of the smallest kind has, of programs of this host, and one with a script. */
function smallestSystem(): readonly string[] {
  const programs = '/usr/bin/dash /usr/bin/cat';
  const libraries = `$(ldd ${programs} | grep -o "/lib[^ ]*" | grep -v : | sort -u)`;
  const directories = 'mkdir -p dev proc tmp etc var/tmp usr/lib lib64 lib && ln -s usr/bin bin';
  const script = ['Requires(post): bash', '%post', 'exec >/etc/told', 'echo ran'];
  return [
    makeRpm(work, { name: 'filesystem', version: '1', key, install: [directories], files: ['/*'] }),
    makeRpm(work, {
      ...{ name: 'bash', version: '5', key, preamble: ['Provides: /bin/sh'] },
      install: [`cp --parents ${programs} ${libraries} .`, 'ln -s dash usr/bin/sh'],
      files: ['/usr/*', '/lib*'],
    }),
    makeRpm(work, { name: 'coreutils', version: '9', key, preamble: ['Requires: filesystem bash'] }),
    makeRpm(work, { name: 'scripted', version: '2', key, preamble: ['Requires: bash', ...script] }),
  ];
}

/** What tells whether the script of a package ran. */
function toldSpec(): string {
  return `name: told
version: "1"
sources:
  told: {inline: {file: {permissions: 0o755, contents: "#!/bin/sh\\ncat /etc/told\\n"}}}
artifacts:
  binaries: {told: }
dependencies:
  test:
    scripted: {version: [">= 1"]}
tests:
  - name: the script of a package ran
    steps:
      - {command: told, stdout: {equals: "ran\\n"}}
`;
}
