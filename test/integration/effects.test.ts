import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { onceForAll } from '../lab/versions.ts';
import { failure } from './support/host-state.ts';
import { putFiles, serviceImage } from './support/images.ts';

/** Shows that its settings were there when it started, and that its files were when it was stopped. */
const witness = {
  script: 'cat /etc/a.conf >>/srv/started; exec sleep infinity',
  service: ['ExecStop=/bin/sh -c "cat /usr/share/a/version >>/srv/stopped"'],
};

const everything = {
  'usr/lib/sysusers.d/many.conf': 'u many - "made by an extension"\n',
  'usr/lib/udev/rules.d/99-many.rules': 'SUBSYSTEM=="nothing", ENV{MANY}="1"\n',
  'usr/lib/udev/hwdb.d/99-many.hwdb': 'many:*\n MANY=yes\n',
  'usr/share/dbus-1/system-services/com.example.Many.service':
    '[D-BUS Service]\nName=com.example.Many\nExec=/bin/false\nUser=root\n',
  'usr/lib/tmpfiles.d/many.conf': 'C /etc/many - - - - /usr/share/many/etc/many\n',
  'usr/share/many/etc/many/one.conf': 'one\n',
  'usr/share/many/etc/many/below/two.conf': 'two\n',
};

/** The oldest and the newest: all that the agent asks of them has the same names and options in between. */
describe.each([252, 262] as const)('after a merge at systemd %d', (systemd) => {
  let machine: Machine;
  const testOnce = onceForAll(systemd);

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    const library = readFileSync(join(machine.root, 'usr/lib/x86_64-linux-gnu/libcap.so.2'));
    const core = 'ID=_any\nEXTENSION_RESTART_UNITS="dbus.service systemd-logind.service systemd-journald.service"\n';
    const lists = 'ID=_any\nEXTENSION_RESTART_UNITS=own.service\n';
    await putFiles(machine, '/srv', {
      'a.raw': serviceImage('a', witness),
      '2/a.raw': serviceImage('a', { ...witness, version: '2' }),
      'b.raw': serviceImage('b', { script: 'echo b is broken; exit 3' }),
      'wanted.raw': serviceImage('wanted', { pulled: 'wants', release: 'ID=_any\n' }),
      'many.raw': serviceImage('many', { pulled: 'not', more: { ...everything, 'usr/lib/libcap.so.2': library } }),
      'core.raw': serviceImage('core', { release: core, pulled: 'not' }),
      'lists.raw': serviceImage('lists', { release: lists, pulled: 'not', more: { 'usr/lib/libcap.so.2': library } }),
    });
    // The hardware data of the system itself would be compiled again each time.
    await machine.shell('rm /usr/lib/udev/hwdb.d/*');
  });

  afterAll(async () => {
    await machine.stop();
  });

  async function ok(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }).toMatchObject({ args, exitCode: 0 });
    return `${stdout}${stderr}`;
  }

  const shell = (script: string) => machine.shell(script);
  const state = (unit: string) => shell(`systemctl show --property=ActiveState,Description,LoadState --value ${unit}`);
  const process = (unit: string) => shell(`systemctl show --property=MainPID --value ${unit}`);
  const failed = () => shell('systemctl --failed --plain --no-legend');

  test('systemd-sysext alone leaves a service running whose extension is gone', async () => {
    await shell(
      'mkdir -p /var/lib/extensions; cp /srv/a.raw /var/lib/extensions/; systemd-sysext refresh; systemctl daemon-reload',
    );
    await shell('systemctl start a; rm /var/lib/extensions/a.raw; systemd-sysext refresh');

    expect((await shell('systemctl is-active a')).trim()).toBe('active');
    await shell('systemctl daemon-reload; systemctl stop a; rm -f /srv/started /srv/stopped');
  });

  test('its service runs, and found its settings when it started', async () => {
    expect(await ok('install', '/srv/a.raw', '--dry-run')).toMatch(
      /refresh\nwould: systemd-tmpfiles --create 10-a.conf\nwould: systemctl daemon-reload\nwould: systemctl start a.service\n/,
    );
    await ok('install', '/srv/a.raw');

    expect(await state('a')).toBe('a 1\nloaded\nactive\n');
    expect(await shell('cat /srv/started')).toBe('version = 1\n');
  });

  test('a service that fails takes the whole change back, and the others run on', async () => {
    const before = await process('a');

    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(9, 'the unit b.service failed: ', 'b is broken', 'Everything is as it was before.', '--retry'),
    );

    expect(await process('a')).toBe(before);
    expect(await failed()).not.toContain('b.service');
    expect(await shell('ls /etc/b.conf /usr/share/b /run/systemd/system/multi-user.target.d 2>/dev/null || true')).toBe(
      '',
    );
    expect(await ok('history')).toMatch(/^2 .* install +- +failed +rolled-back /m);
    expect(await machine.agent(['install', '/srv/b.raw'])).toEqual(
      failure(9, 'b was rolled back on 20', 'the unit b.service failed', 'Nothing was changed.', '--retry'),
    );
  });

  test('the service of a new version is restarted, with the new settings', async () => {
    await ok('install', '/srv/2/a.raw');

    expect(await state('a')).toContain('a 2\n');
    expect(await shell('cat /srv/started /etc/a.conf')).toBe('version = 1\nversion = 2\nversion = 2\n');
  });

  test('unmerge and merge leave services as they run, and the manager knows what there is', async () => {
    const before = await process('a');

    await ok('unmerge');
    expect(await process('a')).toBe(before);
    expect(await state('a')).toContain('not-found\n');
    await ok('merge');
    expect(await process('a')).toBe(before);
    expect(await state('a')).toContain('a 2\n');
  });

  test('removed, its service is stopped while its files are there, and its settings go where nobody changed them', async () => {
    await shell('rm -f /srv/stopped');

    await ok('remove', 'a');

    expect(await state('a')).toContain('not-found\ninactive\n');
    expect(await shell('cat /srv/stopped')).toBe('2\n');
    expect(await shell('ls -d /etc/a.conf /run/systemd/system/multi-user.target.d 2>/dev/null || true')).toBe('');
    expect(await failed()).not.toContain('a.service');
  });

  testOnce('rolled back to, it runs again; settings that were changed stay, and are named', async () => {
    await ok('rollback', '1');
    expect(await state('a')).toContain('a 1\n');
    await shell('echo mine >/etc/a.conf');

    expect(await ok('install', '/srv/2/a.raw')).toContain(
      '/etc/a.conf stays as it is, since it was changed: a now brings another one, /usr/share/a/etc/a.conf',
    );
    expect(await ok('remove', 'a')).toContain('/etc/a.conf stays, since it was changed after a brought it');
    expect(await shell('cat /etc/a.conf; rm /etc/a.conf')).toBe('mine\n');
  });

  test('what a target wants is started, although it was active before and nothing asked for a reload', async () => {
    await ok('install', '/srv/wanted.raw');
    expect(await state('wanted')).toContain('loaded\nactive\n');

    await ok('remove', 'wanted');
    expect(await state('wanted')).toContain('not-found\ninactive\n');
  });

  test('users, files, libraries, hardware data and the bus know of it, and not when it is gone', async () => {
    await ok('install', '/srv/many.raw', '--allow=udev-rules', '--allow=dbus-policy');
    expect(await shell('getent passwd many')).toMatch(/^many:/);
    expect(await shell('cd /etc/many; cat one.conf below/two.conf')).toBe('one\ntwo\n');
    expect(await shell('ldconfig -p | grep libcap.so')).toContain('=> /lib/libcap.so.2\n');
    expect(await shell('systemd-hwdb query many:1')).toBe('MANY=yes\n');
    expect(await shell('busctl list --activatable --no-legend | grep -c com.example.Many || true')).toBe('1\n');

    await ok('remove', 'many');
    expect(await shell('ls -d /etc/many /etc/udev/hwdb.bin 2>/dev/null || true')).toBe('');
    expect(await shell('ldconfig -p | grep libcap.so')).not.toContain('=> /lib/libcap.so.2\n');
    expect(await shell('systemd-hwdb query many:1')).toBe('');
    expect(await shell('busctl list --activatable --no-legend | grep -c com.example.Many || true')).toBe('0\n');
  });

  testOnce('what the host stands on is never touched, and a reboot is named', async () => {
    const before = await process('dbus systemd-journald');

    expect(await ok('install', '/srv/core.raw')).toContain(
      'dbus.service is left as it runs: only a reboot brings it to what is merged now',
    );
    expect(await process('dbus systemd-journald')).toBe(before);
    await ok('remove', 'core');
  });

  testOnce('what a release file lists is restarted, and what of the host uses a file that goes is named', async () => {
    await shell(`cat >/etc/systemd/system/own.service <<END
[Service]
ExecStart=/bin/sleep infinity
END
    sed 's/sleep infinity/tail -f \\/dev\\/null/; s/\\[Service\\]/&\\nEnvironment=LD_PRELOAD=\\/usr\\/lib\\/libcap.so.2/' \\
      /etc/systemd/system/own.service >/etc/systemd/system/user.service; systemctl daemon-reload; systemctl start own`);
    const before = await process('own');

    await ok('install', '/srv/lists.raw');
    expect(await process('own')).not.toBe(before);
    await shell('systemctl start user');

    expect(await ok('remove', 'lists')).toContain(
      'user.service runs with the /usr/lib/libcap.so.2 that was there before: systemctl restart user.service',
    );
    await shell('systemctl stop user own');
  });

  // Since 255.
  if (systemd < 255) return;

  test('--no-reload leaves the manager and services alone', async () => {
    await shell('cp /srv/a.raw /var/lib/extensions/');

    await ok('refresh', '--no-reload');

    expect(await shell('systemctl is-active a || true; cat /etc/a.conf')).toBe('inactive\nversion = 1\n');
  });
});
