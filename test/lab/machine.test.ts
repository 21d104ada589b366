import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { mountPoints, removeAbandonedDisks } from './container.ts';
import { bootMachine, type Machine } from './machine.ts';
import { systemdVersions } from './rootfs.ts';
import { waitFor } from './wait.ts';

/** Puts a raw extension with /usr/share/<raw> and a directory extension with /usr/share/tree into the machine. */
async function addExtensions(machine: Machine, raw: string): Promise<void> {
  await machine.shell(`
    add() {
      mkdir -p "$2/usr/lib/extension-release.d" "$2/usr/share"
      echo ID=_any >"$2/usr/lib/extension-release.d/extension-release.$1"
      echo "this is $1" >"$2/usr/share/$1"
    }
    add tree /var/lib/extensions/tree
    add ${raw} /root/${raw}
    mkfs.erofs --quiet /var/lib/extensions/${raw}.raw /root/${raw}`);
}

const merged = (raw: string) => `cat /usr/share/${raw} /usr/share/tree`;

describe.each(systemdVersions)('a machine with systemd %i', (systemd) => {
  test('is up, with its own system bus and the Node of the checkout, merges, and leaves no loop device', async () => {
    const raw = `raw${systemd}-${process.pid}`;
    await using machine = await bootMachine({ systemd, files: { '/etc/from-the-start': 'yes\n' } });
    expect(
      await machine.shell(`
        systemctl is-system-running; cat /etc/from-the-start; systemd-sysext --version | grep --only-matching '^systemd ...'
        busctl --system call org.freedesktop.DBus /org/freedesktop/DBus \
          org.freedesktop.DBus NameHasOwner s org.freedesktop.systemd1
        /srv/sysext-agent/node_modules/.bin/node --print process.version`),
    ).toMatch(new RegExp(`^running\nyes\nsystemd ${systemd}\nb true\nv24\\.`));

    await addExtensions(machine, raw);
    await machine.shell('systemd-sysext merge');
    expect(await machine.shell(merged(raw))).toBe(`this is ${raw}\nthis is tree\n`);
    expect((await machine.run(['touch', '/usr/x'])).exitCode).toBe(1);
    expect((await execa('losetup', ['--list'])).stdout).toContain(`${raw}.raw`);
    await machine.stop();
    await waitFor('the loop device to go', async () => {
      return (await execa('losetup', ['--list'])).stdout.includes(`${raw}.raw`) ? undefined : true;
    });
  });
});

/** The oldest and the newest. */
describe.each([252, 262] as const)('a machine with systemd %i', (systemd) => {
  test('reaches the mirror, keeps its disk over reboots and power cuts, and merges again at each boot', async () => {
    await using machine = await bootMachine({ systemd });
    const bootId = () => machine.read('/proc/sys/kernel/random/boot_id');
    const firstBoot = await bootId();
    const codename = await machine.shell('. /etc/os-release; echo "$VERSION_CODENAME"');
    const update = await machine.shell(
      'apt-get update --quiet -o Acquire::Languages=none -o APT::Update::Error-Mode=any',
    );
    expect(update).toContain(` ${codename.trim()} InRelease`);
    await addExtensions(machine, 'raw');
    await machine.shell('systemctl enable systemd-sysext.service');
    expect((await machine.run(['sh', '-c', merged('raw')])).exitCode).toBe(1);

    await machine.reboot();
    expect(await bootId()).not.toBe(firstBoot);
    expect(await machine.shell(merged('raw'))).toBe('this is raw\nthis is tree\n');

    await machine.write('/etc/before-the-power-cut', 'yes\n');
    await machine.kill();
    await expect(machine.run(['true'])).rejects.toThrow('is off');
    expect(await machine.read('/etc/before-the-power-cut')).toBe('yes\n');

    await machine.reboot();
    expect(await machine.shell('systemctl is-system-running')).toBe('running\n');
    expect(await machine.shell(merged('raw'))).toBe('this is raw\nthis is tree\n');
  });
});

describe('a command in a machine', () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: 262 });
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('gives its exit code, its output, its input and environment, and is root in a namespace of its own', async () => {
    const script = 'cat; echo "$GREETING" >&2; id -u; cat /proc/1/comm; exit 9';
    const result = await machine.run(['sh', '-c', script], { input: 'in\n', env: { GREETING: 'hello' } });
    expect(result).toEqual({ exitCode: 9, stdout: 'in\n0\nsystemd\n', stderr: 'hello\n' });
    expect((await machine.run(['sh', '-c', 'kill -KILL $$'])).exitCode).toBe(137);
    await expect(machine.shell('echo why >&2; false; echo never')).rejects.toThrow(/^exit code 1: .*why\n$/s);
  });

  test('is ended with all its children when it takes too long', async () => {
    const slow = machine.run(['sh', '-c', 'sleep 1000; true'], { timeoutMs: 200 });
    await expect(slow).rejects.toThrow('not done within 0.2 s: sh -c sleep 1000; true');
    await waitFor('the child to end', async () => {
      return (await machine.run(['pgrep', '--exact', 'sleep'])).exitCode === 1 ? true : undefined;
    });
  });

  test.each(['powerOff', 'kill'] as const)('does not survive its machine, nor hold it up: %s', async (how) => {
    const command = machine.run(['sh', '-c', 'echo started; sleep 1000']);
    await waitFor('the command', async () => {
      return (await machine.run(['pgrep', '--exact', 'sleep'])).exitCode === 0 ? true : undefined;
    });
    await machine[how]();
    expect(await command).toMatchObject({ exitCode: 137, stdout: 'started\n' });
    await machine.reboot();
  });
});

test('files get into a machine and out of it, on its disk and in its memory, running or off', async () => {
  await using machine = await bootMachine({ systemd: 252, sharedCache: true });
  await machine.write('/run/new/script', '#!/bin/sh\necho ran\n', '0755');
  expect((await machine.run(['/run/new/script'])).stdout).toBe('ran\n');
  await machine.copyIn(import.meta.filename, '/opt/copy/of this test');
  expect(await machine.read('/opt/copy/of this test')).toBe(fs.readFileSync(import.meta.filename, 'utf8'));
  await machine.copyIn(import.meta.dirname, '/opt/lab');
  await machine.powerOff();
  expect(await machine.read('/opt/lab/machine.test.ts')).toBe(fs.readFileSync(import.meta.filename, 'utf8'));
  await machine.copyIn(import.meta.dirname, '/opt/lab-copied-while-off');
  expect(fs.existsSync(join(machine.root, 'opt/lab-copied-while-off/machine.ts'))).toBe(true);
});

/** What the host shows of a machine: mounts, cgroups, its directory, processes. */
function tracesOf({ name, root }: Pick<Machine, 'name' | 'root'>): string[] {
  const cgroups = fs.globSync(`/sys/fs/cgroup/{*,*/*}${name}`);
  const processes = fs.globSync('/proc/[0-9]*/cmdline').filter((path) => {
    try {
      return fs.readFileSync(path, 'utf8').includes(name);
    } catch {
      return false;
    }
  });
  const directories = fs.existsSync(join(root, '..')) ? [root] : [];
  return [...mountPoints().filter((path) => path.includes(name)), ...cgroups, ...processes, ...directories];
}

test('a stopped machine leaves nothing on the host', async () => {
  const machine = await bootMachine({ systemd: 262 });
  expect(tracesOf(machine).length).toBeGreaterThan(3);
  await machine.stop();
  expect(tracesOf(machine)).toEqual([]);
  await machine.stop();
});

test('a machine that cannot boot says what its console showed, and leaves nothing', async () => {
  const broken = { source: '/nonexistent/source', target: '/srv/data' };
  await expect(bootMachine({ systemd: 252, binds: [broken] })).rejects.toThrow(/nonexistent\/source/);
});

test('the machines of a test run that was killed end with it, and the next run removes what they left', async () => {
  const program = `
    import { bootMachine } from ${JSON.stringify(join(import.meta.dirname, 'machine.ts'))};
    const { name, root } = await bootMachine({ systemd: 257 });
    console.log(JSON.stringify({ name, root }));
    setInterval(() => {}, 1000);`;
  const run = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(run.stdout, 'data')) as [Buffer];
  const machine = JSON.parse(line.toString()) as { name: string; root: string };
  expect(mountPoints()).toContain(machine.root);
  run.kill('SIGKILL');
  await once(run, 'exit');
  await removeAbandonedDisks();
  expect(tracesOf(machine)).toEqual([]);
});
