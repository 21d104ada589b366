import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { failure } from './support/host-state.ts';
import { putFiles, serviceImage } from './support/images.ts';

/** One test for each row `Fail:` and `Crash:` in docs/apply.md of a step around the merge. */

let machine: Machine;

/**
 * Stands before a program of systemd, and does what a line of /srv/faults says: `fail`, or `kill` the agent, when the
 * program is called in that way for the first time.
 */
const faulty = `#!/bin/bash
program=\${0##*/}
while read -r what call; do
  case $call in "$program" | "$program $1") ;; *) continue ;; esac
  sed -i "/^$what $call$/d" /srv/faults
  test "$what" = fail || kill -KILL "$PPID"
  echo "no $program today" >&2
  exit 1
done </srv/faults
for directory in /usr/bin /usr/sbin /sbin; do
  if test -x $directory/$program; then exec $directory/$program "$@"; fi
done
`;

const programs = [
  'systemctl',
  'systemd-sysusers',
  'systemd-tmpfiles',
  'systemd-hwdb',
  'ldconfig',
  'udevadm',
  'busctl',
  'journalctl',
];

function image(version: string): Buffer {
  return serviceImage('a', {
    version,
    service: [`ExecStop=/bin/true ${version}`],
    more: {
      'usr/lib/sysusers.d/a.conf': `u a - "of version ${version}"\n`,
      'usr/lib/udev/rules.d/99-a.rules': `# ${version}\n`,
      'usr/lib/udev/hwdb.d/99-a.hwdb': `a:*\n VERSION=${version}\n`,
      'usr/share/dbus-1/system.d/a.conf': '<busconfig/>\n',
      'usr/lib/modules/6.0-none/extra/a.ko': version,
      'usr/lib/liba.so.1': version,
      [`usr/lib/systemd/system/only-${version}.service`]: '[Service]\nExecStart=/bin/sleep infinity\n',
    },
  });
}

beforeAll(async () => {
  machine = await bootMachine({ systemd: 257 });
  const more = { 'usr/lib/systemd/system/broken.service': '[Service]\nType=nonsense\n' };
  await putFiles(machine, '/srv', {
    '1/a.raw': image('1'),
    '2/a.raw': image('2'),
    'b.raw': serviceImage('b', { script: 'exit 3' }),
    'broken.raw': serviceImage('broken', { pulled: 'not', more }),
    faulty,
  });
  // The hardware data of the system itself would be compiled again each time. And udev does not run in every container:
  // what says that it does is enough, since the program that asks it is ours.
  await machine.shell(`for program in ${[...programs, 'depmod'].join(' ')}; do
      install --mode=0755 /srv/faulty /usr/local/sbin/$program
    done
    rm /usr/lib/udev/hwdb.d/*
    mkdir -p /run/udev; test -e /run/udev/control || touch /run/udev/control`);
});

afterAll(async () => {
  await machine.stop();
});

const allowed = ['dbus-policy', 'udev-rules', 'kernel-modules'].map((rule) => `--allow=${rule}`);
const update = ['install', '/srv/2/a.raw', ...allowed];

/** Version 1 is in force before each of them, and a unit of it runs that version 2 has not. */
beforeEach(async () => {
  await withFaults('fail', []);
  if (JSON.stringify(await inForce()) === JSON.stringify(versionOne)) return;
  expect(await machine.agent(['install', '/srv/1/a.raw', ...allowed])).toMatchObject({ exitCode: 0 });
  await machine.shell('systemctl start only-1');
});

/** Which version is in force, by everything that shows it; nothing else may be left. */
async function inForce(): Promise<string[]> {
  const text = await machine.shell(`
    cat /usr/share/a/version /etc/a.conf 2>/dev/null || true; systemctl show --property=Description --value a.service
    systemctl is-active a.service || true; systemctl is-active only-1.service || true
    systemctl --failed --plain --no-legend | grep --word-regexp 'a.service\\|b.service\\|only' || true
    ls /run/systemd/system/*/* /var/lib/sysext-agent/settlement.json 2>/dev/null || true`);
  return text.trimEnd().split('\n');
}

const versionOne = ['1', 'version = 1', 'a 1', 'active', 'active'];
const versionTwo = ['2', 'version = 2', 'a 2', 'active', 'inactive'];

const fatal = [
  { step: 'stop', call: 'systemctl stop' },
  { step: 'sysusers', call: 'systemd-sysusers' },
  { step: 'tmpfiles', call: 'systemd-tmpfiles' },
  { step: 'reload', call: 'systemctl daemon-reload' },
] as const;

const harmless = [
  { step: 'ldconfig', call: 'ldconfig', warning: 'libraries may not be found: ldconfig failed' },
  { step: 'hwdb', call: 'systemd-hwdb', warning: 'the hardware database is not up to date: systemd-hwdb failed' },
  { step: 'depmod', call: 'depmod', warning: 'modprobe does not find the modules for 6.0-none: load them with insmod' },
  { step: 'udev', call: 'udevadm', warning: 'udev has its old rules: udevadm failed' },
  { step: 'bus', call: 'busctl', warning: 'the system bus has its old configuration: busctl failed' },
] as const;

const crashing = [
  ...fatal,
  ...harmless,
  { step: 'units', call: 'systemctl restart' },
  { step: 'units-up', call: 'journalctl' },
] as const;

async function withFaults(what: 'fail' | 'kill', calls: readonly string[]): Promise<void> {
  await machine.write('/srv/faults', calls.map((call) => `${what} ${call}\n`).join(''));
}

test.each(fatal)('$step Fail: what was before is in force again', async ({ call }) => {
  await withFaults('fail', [call]);

  expect(await machine.agent(update)).toEqual(failure(1, 'Everything is as it was before.'));
  expect(await inForce()).toEqual(versionOne);
});

test('ldconfig, hwdb, depmod, udev, bus Fail: the change stands, and notes say what is missing', async () => {
  await withFaults(
    'fail',
    harmless.map(({ call }) => call),
  );

  const { exitCode, stderr } = await machine.agent(update);

  expect(exitCode).toBe(0);
  expect(harmless.filter(({ warning }) => !stderr.includes(warning))).toEqual([]);
  expect(await inForce()).toEqual(versionTwo);
});

test('take-back Fail: what was before is in force again', async () => {
  await machine.shell('mount --bind /etc /etc; mount -o remount,ro,bind /etc');

  const result = await machine.agent(update);
  await machine.shell('umount /etc');

  expect(result).toEqual(
    failure(
      1,
      'cannot remove /etc/a.conf: the file system is read-only',
      'systemd-sysusers failed: the file system is read-only',
    ),
  );
  expect(await inForce()).toEqual(versionOne);
});

test('units Fail: where nothing is to be confirmed, a note says so', async () => {
  expect(await machine.agent(update)).toMatchObject({ exitCode: 0 });
  await withFaults('fail', ['systemctl restart']);

  const { exitCode, stderr } = await machine.agent(['rollback']);

  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining('systemctl restart a.service: no systemctl today'),
  });
});

test.each([
  ['in the prepared tree', 'auto', 'the unit broken.service cannot be loaded\n'],
  ['when it is to be started', 'refresh', 'the unit broken.service cannot be loaded: bad-setting'],
])('units-up Fail: a unit that cannot be loaded is none to keep, as is seen %s', async (_, driver, message) => {
  await machine.write('/etc/sysext-agent/agent.yml', `merge: {driver: ${driver}}\n`);
  const result = await machine.agent(['install', '/srv/broken.raw', '--retry']);
  await machine.shell('rm /etc/sysext-agent/agent.yml');

  expect(result).toEqual(failure(9, message, 'Everything is as it was before.'));
  expect(await inForce()).toEqual(versionOne);
});

describe('where the agent is killed', () => {
  test.each(crashing)('$step Crash: the next operation brings what was before into force', async ({ step, call }) => {
    await withFaults('kill', [call]);
    const args = step === 'units-up' ? ['install', '/srv/b.raw', '--retry'] : update;

    expect((await machine.agent(args)).exitCode).not.toBe(0);
    expect(await machine.agent(['gc'])).toMatchObject({ exitCode: 0 });

    expect(await inForce()).toEqual(versionOne);
  });

  test('and the power goes: units are as the boot leaves them, and copies are of what is in force', async () => {
    await withFaults('kill', ['systemctl daemon-reload']);
    expect((await machine.agent(update)).exitCode).not.toBe(0);

    await machine.reboot();
    expect(await machine.agent(['gc'])).toMatchObject({ exitCode: 0 });
    await machine.shell('systemctl daemon-reload; systemctl start only-1');

    expect(await inForce()).toEqual(versionOne);
  });
});
