import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename, resolve } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { messages } from '../../src/core/messages.ts';
import { runCommand, runCommandOk } from '../lab/command.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { describeAtVersions, everyVersion, onceForAll } from '../lab/versions.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { shown, untilShown } from './support/service-machine.ts';

const top = resolve(import.meta.dirname, '../..');
let work: ReturnType<typeof temporaryDirectory>;
let archive: string;

async function packed(directory: string, ...options: readonly string[]): Promise<string> {
  const make = ['npm', 'run', '--silent', 'deb', '--', '--quick', `--directory=${directory}`, ...options];
  return (await runCommandOk(['env', `--chdir=${top}`], make)).trim();
}

beforeAll(async () => {
  work = temporaryDirectory();
  archive = await packed(work.path);
});

afterAll(() => {
  work[Symbol.dispose]();
});

/** Four fifths of its time lintian would look at Node, which others have made: it does with SYSEXT_LAB_VERSIONS=all. */
test('lintian finds no error', async () => {
  using directory = temporaryDirectory();
  const looked = everyVersion ? archive : await packed(directory.path, '--hollow');
  const { exitCode, stdout } = await runCommand(['lintian', '--allow-root', '--fail-on=error'], [looked], {
    timeoutMs: 300_000,
  });

  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
});

test('its manual pages can be shown as they are meant', async () => {
  const unpack = `dpkg-deb --fsys-tarfile "$0" | tar --extract --directory="$1" --wildcards '*/man/*.gz'`;
  execFileSync('sh', ['-c', unpack, archive, work.path]);
  const names = globSync('**/*.gz', { cwd: work.path });
  expect(names.map((name) => basename(name, '.gz')).sort()).toEqual([
    'extensions.d.5',
    'sysext-agent.1',
    'sysext-agent.yml.5',
  ]);

  for (const name of names) {
    const show = 'gunzip --stdout "$0" | groff -mandoc -Tutf8 -wall -z';
    const result = await runCommand(['sh', '-c', show], [work.at(name)]);
    expect(result).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  }
});

describeAtVersions('on a machine without Node, at systemd %d', (systemd) => {
  const testOnce = onceForAll(systemd);
  let machine: Machine;
  const apt = (...args: readonly string[]) =>
    machine.run(['apt-get', '--yes', '--quiet', ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  const dropIn = (name: string, text: string) => machine.write(`/etc/sysext-agent/extensions.d/${name}`, text);
  const jq = (version: string) => dropIn('50-jq.yml', `extensions:\n  jq:\n    image: /root/jq-${version}.raw\n`);
  const version = 'cat /usr/share/jq/version 2>/dev/null';
  const merged = () => shown(machine, version);
  const isMerged = (expected: string) => untilShown(machine, version, expected);
  const serviceRuns = () => untilShown(machine, 'systemctl is-active sysext-agent.service', 'active');

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await machine.copyIn(archive, `/srv/${basename(archive)}`);
    for (const each of ['1', '2']) await putBytes(machine, `/root/jq-${each}.raw`, extensionImage('jq', each));
    expect((await machine.run(['sh', '-c', 'command -v node'])).exitCode).not.toBe(0);
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('it is installed by one command, and its service runs, confined', async () => {
    expect(await apt('install', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });

    await serviceRuns();
    expect(await machine.shell('systemctl is-enabled sysext-agent-boot.service sysext-agent-confirm.service')).toBe(
      'enabled\nenabled\n',
    );
    expect((await machine.shell('sysext-agent --version')).trim()).toMatch(/^\d+\.\d+\.\d+$/);
    const security = await machine.shell('systemd-analyze security sysext-agent.service --no-pager | tail -n 1');
    expect(Number(/: ([\d.]+) /.exec(security)?.[1])).toBeLessThanOrEqual(3);
  });

  test('systemd finds nothing wrong with its units', async () => {
    const verify =
      'systemd-analyze verify --man=no $(dpkg-query --listfiles sysext-agent | grep "systemd/system/.*\\.service$")';
    expect(await machine.run(['sh', '-c', verify])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('a drop-in is all that it takes to have an extension, another version of it, and none', async () => {
    await jq('1');
    await isMerged('1');
    await dropIn('60-bad.yml', 'extensions:\n  tools:\n    imgae: /root/tools.raw\n');
    await untilShown(machine, 'sysext-agent status', /extensions\.d\/60-bad\.yml:3:5: .*unknown field "imgae"/);
    expect(await merged()).toBe('1');
    await jq('2');
    await isMerged('2');
    await dropIn('60-bad.yml', 'extensions: {}\n');
    await machine.shell('rm /etc/sysext-agent/extensions.d/50-jq.yml');
    await isMerged('');
    // The catalog comes with the package.
    const told = `journalctl --catalog -u sysext-agent MESSAGE_ID=${messages.changed.id}`;
    await untilShown(machine, told, /Installed: jq 1[^]*Replaced: jq 2[^]*Removed: jq 2/);
    await jq('1');
    await isMerged('1');
    await machine.shell('rm /etc/sysext-agent/extensions.d/60-bad.yml');
  });

  test('it is merged at the next boot before multi-user.target, and confirmed after it', async () => {
    await machine.reboot();

    expect(await merged()).toBe('1');
    await untilShown(machine, 'sysext-agent history --json', /"confirmedAt": *"/);
    const times = await machine.shell(`
      systemctl show --value -p ExecMainExitTimestampMonotonic sysext-agent-boot.service
      systemctl show --value -p ExecMainStartTimestampMonotonic systemd-sysext.service
      systemctl show --value -p ActiveEnterTimestampMonotonic multi-user.target
      systemctl show --value -p ExecMainStartTimestampMonotonic sysext-agent-confirm.service`);
    const order = times.trim().split('\n').map(Number);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order[0]).toBeGreaterThan(0);
    // What is told of a host can be seen only on one that has booted.
    await serviceRuns();
    const { stdout } = await machine.run(['sysext-agent', 'doctor']);
    expect(stdout).toContain('ok: bus: systemd answers on the bus\n');
    expect(stdout).toContain('ok: service: sysext-agent.service is enabled and active\n');
    expect(stdout).toMatch(/^ok: security: /m);
    expect(stdout).toContain('ok: boot: systemd-sysext.service is enabled\n');
    expect(stdout).toContain(
      'ok: boot: sysext-agent-boot.service is enabled, sysext-agent-confirm.service is enabled\n',
    );
    await machine.shell('systemctl disable --quiet sysext-agent-confirm.service');
    expect((await machine.run(['sysext-agent', 'doctor'])).stdout).toMatch(
      /^problem: boot: sysext-agent-confirm\.service is disabled: no boot is confirmed/m,
    );
    await machine.shell('systemctl enable --quiet sysext-agent-confirm.service');
  });

  testOnce('an upgrade leaves merged what was', async () => {
    expect(await apt('install', '--reinstall', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
    await serviceRuns();
  });

  test('its removal leaves merged what was', async () => {
    expect(await apt('remove', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
  });

  testOnce('without it what is merged stays, also after the next boot', async () => {
    expect(await apt('purge', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
    expect((await machine.run(['ls', '/var/lib/sysext-agent'])).stdout).toBe('');
    expect((await machine.run(['find', '/etc/sysext-agent', '-type', 'f'])).stdout.trim()).toMatch(/^(|.*50-jq\.yml)$/);

    await machine.shell('systemd-sysext unmerge; rm -rf /etc/sysext-agent');
    expect(await apt('install', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });
    await machine.shell('sysext-agent merge');
    expect(await apt('purge', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');

    await machine.reboot();

    expect(await merged()).toBe('1');
    expect((await machine.shell('systemctl list-units --failed --no-legend --plain')).trim()).toBe('');
  });
});
