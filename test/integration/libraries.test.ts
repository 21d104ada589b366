import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { specOf } from './support/target.ts';

/** A Debian 12 without jq and what it needs. */
let machine: Machine;

beforeAll(async () => {
  machine = await bootMachine({
    systemd: 252,
    sharedCache: true,
    files: { '/etc/jq.yml': specOf('jq', { jq: '', libjq1: '' }) },
  });
});

afterAll(async () => {
  await machine.stop();
});

const build = ['build', '/etc/jq.yml', '--output=/root'];
const missing =
  'warning: /usr/lib/x86_64-linux-gnu/libjq.so.1.0.4 needs libonig.so.5, which neither the image nor this host has. ' +
  'Add `libonig5` under `dependencies.sysext`, or build with --add-missing.';

test('a build says which library will be missing on this host, and which package brings it', async () => {
  const built = await machine.agent([...build, '--target=bookworm']);
  const again = await machine.agent([...build, '--target=bookworm', '--offline']);

  expect({ exitCode: built.exitCode, stderr: built.stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining(missing),
  });
  expect(again.stderr).toContain(missing);
});

test('--add-missing adds the package, and the program runs', async () => {
  const installed = await machine.agent(['install', '/etc/jq.yml', '--target=bookworm', '--add-missing']);

  expect(installed.stderr).toContain('added libonig5 for libonig.so.5\n');
  expect(installed.stderr).not.toContain('warning:');
  expect(await machine.shell(`echo '{"a":"b"}' | jq -r '.a | test("^b")'`)).toBe('true\n');
  await machine.shell('/srv/sysext-agent/bin/sysext-agent remove jq');
});

test('a program for a newer C library is found out before it is merged, and fails as foretold', async () => {
  const built = await machine.agent([...build, '--target=trixie', '--add-missing', '--json=short']);
  const findings = (JSON.parse(built.stdout) as { findings: unknown[] }).findings;

  expect(findings).toContainEqual({
    rule: 'symbol-version',
    severity: 'ask',
    paths: expect.arrayContaining(['/usr/bin/jq']),
    message: expect.stringMatching(/need GLIBC_2\.38 of libc\.so\.6, this host has GLIBC_2\.36 at most$/),
    remedy: 'Build the image from packages for the release of this host.',
  });

  await machine.shell(
    'mkdir -p /tmp/x /tmp/y && cd /tmp/x && fsck.erofs --extract=/tmp/y/tree /root/jq-*-trixie-*.raw',
  );
  const run = await machine.run([
    ...['env', 'LD_LIBRARY_PATH=/tmp/y/tree/usr/lib/x86_64-linux-gnu', '/tmp/y/tree/usr/bin/jq', '--version'],
  ]);
  expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringContaining("version `GLIBC_2.38' not found"),
  });
});
