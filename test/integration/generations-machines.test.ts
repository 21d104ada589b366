import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { systemdVersions } from '../lab/rootfs.ts';
import { failure } from './support/host-state.ts';
import { extensionImage, putBytes } from './support/images.ts';

describe.each(systemdVersions)('generations at systemd %d', (systemd) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    for (const name of ['a', 'b', 'c']) await putBytes(machine, `/srv/${name}.raw`, extensionImage(name));
    await putBytes(machine, '/srv/2/a.raw', extensionImage('a', '2'));
  });

  afterAll(async () => {
    await machine.stop();
  });

  async function ok(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }).toMatchObject({ args, exitCode: 0 });
    return stdout;
  }

  const seen = () => machine.shell('cd /usr/share; grep . {a,b,c}/version || true');
  const bare = () => machine.run(['systemd-sysext', 'refresh']);

  test('an extension that the host is not well with is rolled back, and refused until someone insists', async () => {
    await ok('install', '/srv/a.raw');
    const check = '#!/bin/sh\ntest ! -e /usr/share/b || { echo "b hurts"; exit 1; }\n';
    await machine.write('/etc/sysext-agent/health.d/no-b', check, '0755');

    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(
        9,
        'the health check no-b failed with exit code 1',
        'b hurts',
        'Everything is as it was before.',
        '--retry',
      ),
    );
    expect(await seen()).toBe('a/version:1\n');
    expect(await ok('history')).toMatch(/^2 .* install +- +failed +rolled-back /m);
    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(9, 'b was rolled back on 20', 'the health check no-b failed', 'Nothing was changed.', '--retry'),
    );

    await machine.shell('rm /etc/sysext-agent/health.d/no-b');
    await ok('install', '/srv/b.raw', '--retry');
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
  });

  test('each earlier set can be had again, over a reboot', async () => {
    await ok('install', '/srv/2/a.raw', '/srv/c.raw');
    expect(await ok('diff', '1', '5')).toMatch(/^~ a .*\n\+ b .*\n\+ c .*\n$/);

    await ok('rollback', '1');
    expect(await seen()).toBe('a/version:1\n');
    await machine.reboot();
    expect(await seen()).toBe('a/version:1\n');

    await ok('rollback', '5');
    expect(await seen()).toBe('a/version:2\nb/version:1\nc/version:1\n');
    await ok('rollback', '4');
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
  });

  test('a foreign image that stops systemd does not stop the agent, nor systemd once it is masked', async () => {
    await machine.shell('head -c 10000 /dev/urandom >/var/lib/extensions/bad.raw');
    expect((await bare()).exitCode).toBe(1);

    expect(await ok('install', '/srv/c.raw')).toContain('Merged: a, b, c');
    expect(await machine.agent(['status'])).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining('to take it out: mv /var/lib/extensions/bad.raw /var/tmp/'),
    });
    expect(await bare()).toMatchObject({ exitCode: 0 });
    expect(await seen()).toBe('a/version:1\nb/version:1\nc/version:1\n');

    await machine.shell('rm /var/lib/extensions/bad.raw');
    await ok('refresh');
    expect(await machine.shell('ls -A /run/extensions')).toBe('');
  });

  test('one of its own that was damaged goes out of sight, and comes back from its source', async () => {
    // Not the file that is mounted, but another in its place with the same inode as in the store.
    await machine.shell(`cd /var/lib/extensions; ls ../sysext-agent/images | while read image; do
      test ../sysext-agent/images/$image -ef c.raw || continue
      head -c 10000 /dev/urandom >new; mv new ../sysext-agent/images/$image; ln -f ../sysext-agent/images/$image c.raw
    done`);

    expect(await ok('refresh')).toContain('Merged: a, b\n');
    expect(await bare()).toMatchObject({ exitCode: 0 });
    expect(await ok('install', '/srv/c.raw')).toContain('Merged: a, b, c');
    expect(await seen()).toBe('a/version:1\nb/version:1\nc/version:1\n');
  });
});
