import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { onceForAll } from '../lab/versions.ts';
import { failure } from './support/host-state.ts';
import { extensionImage, putFiles } from './support/images.ts';

/** At the oldest and at the newest: what the tool itself does at each version is in the contract tests. */
describe.each([252, 262] as const)('generations at systemd %d', (systemd) => {
  let machine: Machine;
  const testOnce = onceForAll(systemd);

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    const images = ['a', 'b', 'c', 'e'].map((name) => [`${name}.raw`, extensionImage(name)] as const);
    await putFiles(machine, '/srv', { ...Object.fromEntries(images), '2/a.raw': extensionImage('a', '2') });
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
    const child = '#!/bin/sh\nsetsid sleep 1000 &\n';
    await machine.write('/etc/sysext-agent/health.d/leaves-a-child', child, '0755');
    const hurts = `{name: no-b, command: [sh, -c, 'test ! -e /usr/share/b || { echo "b hurts"; exit 1; }'], retries: 1, interval: 10ms}`;
    await machine.write('/etc/sysext-agent/agent.yml', `health: [{unit: systemd-journald.service}, ${hurts}]\n`);

    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(
        9,
        'the health check no-b (/etc/sysext-agent/agent.yml) failed with exit code 1, in 2 attempts',
        '  b hurts',
        'Everything is as it was before.',
        '--retry',
      ),
    );
    expect(await seen()).toBe('a/version:1\n');
    expect(await ok('history')).toMatch(/^2 .* install +- +failed +rolled-back /m);
    expect(await ok('history', '2')).toMatch(
      /^Error: +the health check no-b [^]*run the health check systemd-journald\.service [^]*run the health check no-b [^]*\n +b hurts\n/m,
    );
    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(9, 'b was rolled back on 20', 'the health check no-b ', 'Nothing was changed.', '--retry'),
    );
  });

  test('what was rolled back is told by status, list and explain, until it comes to stay', async () => {
    const why = /rolled back on 20.*: the health check no-b .* failed with exit code 1, in 2 attempts/;
    expect(await ok('status')).toMatch(new RegExp(`^b is not merged: the image of sha256 .* was ${why.source}`, 'm'));
    expect(await ok('list')).toMatch(new RegExp(`^b +- +- +- +- +no: .*${why.source}`, 'm'));
    expect(await machine.agent(['explain', 'b'])).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(why) });

    await machine.shell('rm /etc/sysext-agent/health.d/leaves-a-child');
    await machine.write('/etc/systemd/system/ill.service', '[Service]\nExecStart=sh -c "echo so ill; exit 3"\n');
    await machine.shell('systemctl daemon-reload; systemctl start ill.service');
    await machine.write('/etc/sysext-agent/agent.yml', 'extensions: {b: {health: [{unit: ill.service}]}}\n');
    expect(await machine.agent(['install', '/srv/b.raw', '--retry'])).toEqual(
      failure(
        9,
        'the health check ill.service of b (/etc/sysext-agent/agent.yml) found ill.service failed (exit-code)',
        'so ill',
        'Everything is as it was before.',
      ),
    );
    expect(await seen()).toBe('a/version:1\n');

    await machine.shell('rm /etc/sysext-agent/agent.yml');
    await ok('install', '/srv/b.raw', '--retry');
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
    expect(await ok('status')).not.toContain('rolled back');
  });

  test('each earlier set can be had again, over a reboot', async () => {
    await ok('install', '/srv/2/a.raw', '/srv/c.raw');
    expect(await ok('diff', '1', '6')).toMatch(/^~ a .*\n\+ b .*\n\+ c .*\n$/);

    await ok('rollback', '1');
    expect(await seen()).toBe('a/version:1\n');
    await machine.reboot();
    expect(await seen()).toBe('a/version:1\n');

    await ok('rollback', '6');
    expect(await seen()).toBe('a/version:2\nb/version:1\nc/version:1\n');
    await ok('rollback', '5');
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
  });

  testOnce('a foreign image that stops systemd does not stop the agent, nor systemd once it is masked', async () => {
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

  testOnce('one of its own that was damaged goes out of sight, and comes back from its source', async () => {
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

  testOnce('a spec says what tells of the health of its extension, which every later change asks', async () => {
    await machine.write('/srv/d.yml', specOfD('1'));
    expect(await machine.agent(['install', '/srv/d.yml', '--target=trixie'])).toEqual(
      failure(
        9,
        'the health check right of d (x-sysext of d.yml) failed with exit code 1, in 2 attempts',
        'd is at 1',
        'Everything is as it was before.',
      ),
    );
    expect(await ok('status')).toMatch(/^d is not merged: 1-1 was rolled back on /m);

    await machine.write('/srv/d.yml', specOfD('2'));
    expect(await ok('install', '/srv/d.yml', '--target=trixie', '--dry-run')).toMatch(
      /would: run the health check right of d \(x-sysext of d\.yml\): sh .*\nwould: run the health check alone of d .*: test /,
    );
    await ok('install', '/srv/d.yml', '--target=trixie');
    expect(await ok('status')).not.toContain('rolled back');

    await ok('remove', 'd');
    await ok('rollback');
    expect(await machine.agent(['install', '/srv/e.raw'])).toEqual(
      failure(9, 'the health check alone of d (x-sysext of d.yml) failed with exit code 1', 'as it was before.'),
    );
    expect(await machine.shell('cat /usr/share/d/version; ls /usr/share/e || true')).toBe('2\n');
  });
});

/** An extension without packages that is well from version 2 on, and where there is no extension e. */
function specOfD(version: string): string {
  return `name: d
version: '${version}'
revision: '1'
license: MIT
description: made for a test
website: https://example.org
packager: Someone <someone@example.org>
sources: {d: {inline: {dir: {files: {version: {contents: "${version}\\n"}}}}}}
artifacts: {data_dirs: {d: {}}}
x-sysext:
  health:
    - {name: right, command: [sh, -c, 'echo d is at $(cat /usr/share/d/version); test -e /usr/share/e || exit ${version === '1' ? 1 : 0}'], retries: 1, interval: 10ms}
    - {name: alone, command: [test, '!', -e, /usr/share/e]}
`;
}
