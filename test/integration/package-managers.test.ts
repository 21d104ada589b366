import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { CommandResult } from '../lab/command.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import type { SystemdVersion } from '../lab/rootfs.ts';
import { waitFor } from '../lab/wait.ts';
import { onceForAll } from '../lab/versions.ts';
import { failure } from './support/host-state.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { debPackage } from './support/packages.ts';

const hooks = '/srv/sysext-agent/packaging/hooks';

/** What a package finds while it is installed. */
const look = `{ test -e /usr/share/a/version && echo merged || echo unmerged; touch /usr/share/written && echo writable; } >/root/seen`;

/** A machine where `a` is merged and whose apt and dpkg have the hooks, with some packages in /srv. */
async function debMachine(systemd: SystemdVersion): Promise<Machine> {
  const machine = await bootMachine({ systemd });
  const packages = {
    good: debPackage('good', look),
    bad: debPackage('bad', 'exit 1'),
    slow: debPackage('slow', 'touch /root/slow; sleep 1000'),
    holding: debPackage('holding', 'setsid flock /run/sysext-agent/lock sleep 1000 >/dev/null 2>&1 </dev/null &'),
  };
  for (const [name, bytes] of Object.entries(packages)) await putBytes(machine, `/srv/${name}.deb`, bytes);
  await putBytes(machine, '/srv/a.raw', extensionImage('a'));
  await machine.shell(`ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/
    cp ${hooks}/apt/80sysext-agent /etc/apt/apt.conf.d/
    cp ${hooks}/apt/dpkg.cfg /etc/dpkg/dpkg.cfg.d/sysext-agent
    sysext-agent install /srv/a.raw`);
  return machine;
}

/** The set that is merged. */
const merged = (machine: Machine): Promise<string> => machine.shell('cat /usr/share/a/version 2>&1 || true');

const apt = (machine: Machine, ...args: readonly string[]): Promise<CommandResult> =>
  machine.run(['apt-get', '--yes', '--quiet', ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } });

/** The oldest apt and the newest. */
describe.each([252, 262] as const)('apt and dpkg at systemd %d', (systemd) => {
  const testOnce = onceForAll(systemd);
  let machine: Machine;

  beforeAll(async () => {
    machine = await debMachine(systemd);
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('a package is installed while extensions are merged, and they are merged afterwards', async () => {
    expect(await apt(machine, 'install', '/srv/good.deb')).toMatchObject({ exitCode: 0 });

    expect(await machine.read('/root/seen')).toBe('unmerged\nwritable\n');
    expect(await merged(machine)).toBe('1\n');
    expect((await machine.agent(['history', '2'])).stdout).toContain('Reason:     apt is about to change this system');
    expect((await machine.agent(['history', '3'])).stdout).toContain('Reason:     apt has changed this system');
    expect((await machine.agent(['history', '4'])).exitCode).not.toBe(0);
  });

  testOnce('also after a package that fails, with apt and with dpkg alone', async () => {
    expect(await apt(machine, 'install', '/srv/bad.deb')).toMatchObject({ exitCode: 100 });
    expect(await merged(machine)).toBe('1\n');

    expect(await machine.run(['dpkg', '--install', '/srv/bad.deb', '/srv/good.deb'])).toMatchObject({ exitCode: 1 });
    expect(await machine.read('/root/seen')).toBe('unmerged\nwritable\n');
    expect(await merged(machine)).toBe('1\n');
  });
});

describe('a transaction that does not go as it should', () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await debMachine(257);
    await machine.shell(
      'sed -i s/--wait=60/--wait=0/ /etc/apt/apt.conf.d/80sysext-agent /etc/dpkg/dpkg.cfg.d/sysext-agent',
    );
  });

  afterAll(async () => {
    await machine.stop();
  });

  const manager = (...args: readonly string[]) => machine.agent(['package-manager', ...args]);
  const exists = (path: string) =>
    waitFor(path, async () => (await machine.run(['test', '-e', path])).exitCode === 0 || undefined);
  const status = () => machine.agent(['status']);
  const installed = async (name: string) => (await machine.run(['test', '-e', `/usr/share/${name}`])).exitCode === 0;

  test('without the hook dpkg cannot write', async () => {
    await machine.shell('mv /etc/dpkg/dpkg.cfg.d/sysext-agent /root/');
    const { exitCode, stderr } = await machine.run(['dpkg', '--unpack', '/srv/good.deb']);
    await machine.shell('mv /root/sysext-agent /etc/dpkg/dpkg.cfg.d/; dpkg --purge --force-all good');

    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('Read-only file system') });
  });

  test('beginning and ending twice is as once; ending alone does nothing', async () => {
    const nothing = { exitCode: 0, stdout: '', stderr: '' };
    expect(await manager('end', 'apt', '--process=1')).toEqual(nothing);
    expect(await manager('begin', 'apt', '--process=1')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await manager('begin', 'apt', '--process=1')).toEqual(nothing);
    expect(await merged(machine)).toContain('No such file');
    expect(await manager('end', 'apt', '--process=1')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await manager('end', 'apt', '--process=1')).toEqual(nothing);
    expect(await merged(machine)).toBe('1\n');
  });

  test('what was unmerged by hand stays unmerged', async () => {
    await machine.agent(['unmerge']);
    expect(await apt(machine, 'install', '/srv/good.deb')).toMatchObject({ exitCode: 0 });
    expect(await merged(machine)).toContain('No such file');
    await machine.agent(['merge']);

    await manager('begin', 'apt', '--process=1');
    await machine.agent(['unmerge']);
    await manager('end', 'apt', '--process=1');
    expect(await merged(machine)).toContain('No such file');
    await machine.agent(['merge']);
  });

  test('where extensions cannot be taken away nothing is installed, and apt says what to do', async () => {
    await machine.shell('dpkg --purge good');
    await machine.shell('mkfifo /root/go');
    const held = machine.run(['flock', '/run/sysext-agent/lock', 'sh', '-c', 'touch /root/held; read line </root/go']);
    await exists('/root/held');

    expect(await apt(machine, 'install', '/srv/good.deb')).toMatchObject({
      exitCode: 100,
      stderr: failure(100, 'another operation is under way', 'Nothing was changed.', 'Run apt again').stderr,
    });
    expect(await machine.run(['dpkg', '--install', '/srv/good.deb'])).toMatchObject({ exitCode: 2 });
    expect(await installed('good')).toBe(false);
    expect(await merged(machine)).toBe('1\n');
    await machine.shell('echo >/root/go');
    await held;
  });

  test('where they cannot be merged again the packages are installed all the same, and status tells', async () => {
    const { exitCode, stderr } = await apt(machine, 'install', '/srv/holding.deb');

    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringContaining('another operation is under way'),
    });
    expect(await status()).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('run `sysext-agent apply`') });
    await machine.shell('pkill --full "[s]leep 1000"');
    expect(await machine.agent(['apply', '--wait=10'])).toMatchObject({ exitCode: 0 });
    expect(await merged(machine)).toBe('1\n');
    expect((await status()).stdout).not.toContain('nmerged');
  });

  test('nothing is merged while a package manager is at work, and the next operation mends what was killed', async () => {
    const shows = (pattern: RegExp) =>
      waitFor(String(pattern), async () => pattern.test((await status()).stdout) || undefined);
    const running = apt(machine, 'install', '/srv/slow.deb');
    await exists('/root/slow');
    await shows(/^Unmerged since .* for apt \(process \d+\), dpkg \(process \d+\), until/m);
    expect(await machine.agent(['refresh'])).toEqual(failure(8, 'for apt (process ', 'Nothing was changed.'));

    await machine.shell('pkill -KILL --oldest --exact apt-get');
    await shows(/^Unmerged since .* for dpkg \(process \d+\), until/m);
    await machine.shell('pkill -KILL --exact dpkg; pkill --full "[s]leep 1000"');
    await running;
    await shows(/^Unmerged for a package manager since .* run `sysext-agent apply`$/m);
    expect(await machine.agent(['apply'])).toMatchObject({ exitCode: 0 });
    expect(await merged(machine)).toBe('1\n');
  });

  test('a boot in between merges, and there is nothing to end', async () => {
    await manager('begin', 'apt', '--process=1');
    await machine.reboot();

    expect(await merged(machine)).toBe('1\n');
    expect(await manager('end', 'apt', '--process=1')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await status()).exitCode).toBe(0);
  });
});
