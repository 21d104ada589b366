import fs from 'node:fs';
import { join } from 'node:path';

import { execa } from 'execa';
import { expect, test } from 'vitest';

import { mountPoints } from './container.ts';

const playground = join(import.meta.dirname, 'playground');

/** The mounts of this host that the playground could have touched; other tests mount elsewhere meanwhile. */
const mounts = (): string[] => mountPoints().filter((path) => /^\/(usr|opt|run|dev|proc|sys)?$|demo/.test(path));

test('an extension merges onto /usr in the playground while the host stays as it was', async () => {
  const before = mounts();
  const { stdout } = await execa(playground, [
    ...['bash', '-euc'],
    `mkdir -p /tmp/tree/usr/lib/extension-release.d /tmp/tree/usr/bin
     echo ID=_any >/tmp/tree/usr/lib/extension-release.d/extension-release.greeting
     printf '#!/bin/sh\\necho "hello from $0"\\n' >/tmp/tree/usr/bin/greeting
     chmod +x /tmp/tree/usr/bin/greeting
     mkfs.erofs --quiet /var/lib/extensions/greeting.raw /tmp/tree >&2
     systemd-sysext merge
     greeting
     systemd-sysext unmerge
     test -e /usr/bin/greeting || echo gone
     sleep 1000 &`,
  ]);
  expect(stdout).toBe('hello from /usr/bin/greeting\ngone');
  expect(mounts()).toEqual(before);
  expect(fs.existsSync('/usr/bin/greeting')).toBe(false);
});

test('what is still merged when the program ends goes with it', async () => {
  const before = mounts();
  const { stdout } = await execa(playground, [
    ...['bash', '-euc'],
    `mkdir -p /run/extensions/left/usr/lib/extension-release.d
     echo ID=_any >/run/extensions/left/usr/lib/extension-release.d/extension-release.left
     systemd-sysext merge
     ls /usr/lib/extension-release.d`,
  ]);
  expect(stdout).toBe('extension-release.left');
  expect(mounts()).toEqual(before);
});

test('the host is for reading only, and the exit code is the one of the program', async () => {
  const { exitCode, stderr } = await execa(playground, ['bash', '-c', 'touch /usr/x ./x; exit 7'], { reject: false });
  expect(exitCode).toBe(7);
  expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
});

test('without a program it explains itself', async () => {
  const { exitCode, stderr } = await execa(playground, [], { reject: false });
  expect(exitCode).toBe(2);
  expect(stderr).toBe('playground: usage: playground PROGRAM [ARGUMENT...]');
});
