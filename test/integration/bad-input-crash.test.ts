import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { deeds, failure, hostState, machineWithBase, unchanged } from './support/host-state.ts';
import { extensionImage, putFiles } from './support/images.ts';
import { crashAt, installStrace } from './support/strace.ts';

const program = '/srv/sysext-agent/bin/sysext-agent';

let machine: Machine;

beforeAll(async () => {
  machine = await machineWithBase();
  await installStrace(machine);
  await putFiles(machine, '/srv', {
    'good.raw': extensionImage('good'),
    '2/base.raw': extensionImage('base', '2'),
  });
});

afterAll(async () => {
  await machine.stop();
});

/** What of the host counts as the same when something was merged anew. */
async function lasting() {
  const { extensions, images, mounts, ...state } = await hostState(machine);
  return { extensions, images, mounts, temporary: state['temporary names'], usr: state['digest of /usr'] };
}

/**
 * Kills one command after the other, each a little later than the one before, until one gets through: at every third
 * call, since the programs in test/crash kill at them all. After every crash status and list work, and the next operation finds the host as it was before, and tells what was interrupted.
 * @param calls the system calls at which it is killed.
 * @returns what the history tells of each that was killed; nothing of one that had not begun yet.
 */
async function crashes(calls: string, args: readonly string[]): Promise<readonly (string | undefined)[]> {
  const before = await lasting();
  const told: (string | undefined)[] = [];
  let known = (await deeds(machine)).length;
  for (let nth = 1; ; nth += 3) {
    const crash = await crashAt(machine, { calls, nth }, args);
    if (crash.exitCode === 0) return told;
    expect({ nth, ...crash }).toMatchObject({ nth, exitCode: 137 });
    for (const look of ['status', 'list'])
      expect(await machine.agent([look])).toMatchObject({ exitCode: expect.toBeOneOf([0, 3, 10]), stderr: '' });
    expect(await machine.agent(['refresh'])).toMatchObject({ exitCode: 0 });
    const all = await deeds(machine);
    const [deed] = all.slice(known, -1);
    known = all.length;
    told.push(deed);
    if (deed === `${args[0]} done`) return told;
    expect({ nth, deed, ...(await lasting()) }).toEqual({ nth, deed, ...before });
  }
}

describe.each([
  ['link', 'link,linkat', false],
  ['rename', 'rename,renameat,renameat2', true],
  ['unlink', 'unlink,unlinkat', true],
])('a command that is killed at a %s', (_, calls, removeCalls) => {
  test('leaves all of an install or nothing', async () => {
    const told = await crashes(calls, ['install', '/srv/2/base.raw', '/srv/good.raw']);

    expect(told).toContain('install interrupted');
    expect(await machine.shell('cat /usr/share/base/version /usr/share/good/version')).toBe('2\n1\n');
    expect((await lasting()).temporary).toEqual([]);
  });

  test('leaves all of a remove or nothing', async () => {
    const told = await crashes(calls, ['remove', 'good', 'base']);

    expect(told.includes('remove interrupted')).toBe(removeCalls);
    expect(await machine.shell('find /var/lib/extensions -type f')).toBe('');
    expect(await machine.agent(['install', '/srv/base.raw'])).toMatchObject({ exitCode: 0 });
  });
});

/** Kills an install when systemd-sysext is at work; tells whether that was before the install had ended. */
async function killedWhileMerging(install: string): Promise<boolean> {
  await machine.shell(`${program} ${install} & agent=$!
    until pgrep --exact systemd-sysext; do kill -0 $agent || exit 0; done
    kill -KILL $agent || exit 0; wait $agent || test $? = 137`);
  // systemd-sysext goes on, and keeps the lock.
  expect(await machine.agent(['refresh', '--wait=60'])).toMatchObject({ exitCode: 0 });
  return (await deeds(machine)).at(-2) === 'install interrupted';
}

test('a command that is killed while systemd merges is undone when systemd is done with it', async () => {
  const before = await lasting();
  while (!(await killedWhileMerging('install /srv/2/base.raw /srv/good.raw'))) {
    expect(await machine.agent(['install', '/srv/base.raw'])).toMatchObject({ exitCode: 0 });
    expect(await machine.agent(['remove', 'good'])).toMatchObject({ exitCode: 0 });
  }

  const { images, extensions, ...state } = await lasting();
  expect({ images: images?.length, extensions: extensions?.length, ...state }).toEqual({
    ...before,
    images: before.images?.length,
    extensions: before.extensions?.length,
  });
  expect(await machine.shell('cat /usr/share/base/version')).toBe('1\n');
});

describe('a merge that systemd refuses', () => {
  afterEach(async () => {
    await machine.shell('test ! -e /dev/away || mv /dev/away /dev/loop-control');
  });

  test('before it begins leaves the one before it', async () => {
    await machine.shell('mv /dev/loop-control /dev/away');

    expect(await unchanged(machine, ['install', '/srv/2/base.raw', '/srv/good.raw'])).toEqual(
      failure(1, 'systemd-sysext refresh failed with exit code 1', 'Everything is as it was before.'),
    );
  });

  test('half-way is undone: the image before is there again, and merged', async () => {
    // The kernel stacks two overlays and not three: a directory here merges onto nothing, an image file does.
    await machine.shell(`mkdir /run/upper /run/work
      mount -t overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work overlay /var/lib
      mkdir -p /srv/directory/base/usr/lib/extension-release.d /srv/directory/base/usr/share/base
      echo ID=_any >/srv/directory/base/usr/lib/extension-release.d/extension-release.base`);
    expect(await machine.agent(['refresh'])).toMatchObject({ exitCode: 0 });

    expect(await machine.agent(['install', '/srv/directory/base'])).toEqual(
      failure(1, 'systemd-sysext refresh failed with exit code 1', 'Everything is as it was before.'),
    );
    expect(await machine.shell('ls -A /var/lib/extensions; cat /usr/share/base/version')).toBe('base.raw\n1\n');
    expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
    expect((await deeds(machine)).at(-1)).toBe('install failed');
  });
});
