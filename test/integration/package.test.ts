import { basename, resolve } from 'node:path';
import { execFileSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCommand, runCommandOk } from '../lab/command.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { extensionImage, putBytes } from './support/images.ts';

const top = resolve(import.meta.dirname, '../..');
let archive: string;

beforeAll(async () => {
  archive = (await runCommandOk(['env', `--chdir=${top}`], ['npm', 'run', '--silent', 'deb'])).trim();
});

test('lintian finds no error', async () => {
  const { exitCode, stdout } = await runCommand(['lintian', '--allow-root', '--fail-on=error'], [archive]);

  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
});

test('its manual pages can be shown as they are meant', async () => {
  const pages = execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$0" | tar --list | grep "/man/.*gz$"', archive]);
  const names = String(pages).trim().split('\n');
  expect(names.map((name) => basename(name, '.gz'))).toEqual([
    'sysext-agent.1',
    'extensions.d.5',
    'sysext-agent.yml.5',
  ]);

  for (const name of names) {
    const show =
      'dpkg-deb --fsys-tarfile "$0" | tar --extract --to-stdout "$1" | gunzip | groff -mandoc -Tutf8 -wall -z';
    expect(await runCommand(['sh', '-c', show, archive], [name])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  }
});

describe.each([252, 262] as const)('on a machine without Node, at systemd %d', (systemd) => {
  let machine: Machine;
  const apt = (...args: readonly string[]) =>
    machine.run(['apt-get', '--yes', '--quiet', ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  const merged = async () => (await machine.run(['cat', '/usr/share/a/version'])).stdout.trim();
  const serviceIs = (state: string) =>
    waitFor(`a service that is ${state}`, async () => {
      const { stdout } = await machine.run(['systemctl', 'is-active', 'sysext-agent.service']);
      return stdout.trim() === state || undefined;
    });

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await machine.copyIn(archive, `/srv/${basename(archive)}`);
    await putBytes(machine, '/root/a.raw', extensionImage('a', '1'));
    expect((await machine.run(['sh', '-c', 'command -v node'])).exitCode).not.toBe(0);
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('it is installed by one command, and its service runs', async () => {
    expect(await apt('install', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });

    await serviceIs('active');
    expect(await machine.shell('systemctl is-enabled sysext-agent-boot.service sysext-agent-confirm.service')).toBe(
      'enabled\nenabled\n',
    );
    expect((await machine.shell('sysext-agent --version')).trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test('systemd finds nothing wrong with its units', async () => {
    const verify =
      'systemd-analyze verify --man=no $(dpkg-query --listfiles sysext-agent | grep "systemd/system/.*\\.service$")';
    expect(await machine.run(['sh', '-c', verify])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('and the service is confined', async () => {
    const told = await machine.shell('systemd-analyze security sysext-agent.service --no-pager | tail -n 1');

    expect(Number(/: ([\d.]+) /.exec(told)?.[1])).toBeLessThanOrEqual(3);
  });

  test('an upgrade leaves merged what was', async () => {
    expect(await machine.run(['sysext-agent', 'install', '/root/a.raw'])).toMatchObject({ exitCode: 0 });

    expect(await apt('install', '--reinstall', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });

    expect(await merged()).toBe('1');
    await serviceIs('active');
  });

  test('without it what is merged stays, also after the next boot', async () => {
    expect(await apt('remove', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
    expect(await apt('install', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
    expect(await apt('remove', 'sysext-agent')).toMatchObject({ exitCode: 0 });

    expect(await apt('purge', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');
    expect((await machine.run(['ls', '/var/lib/sysext-agent', '/etc/sysext-agent'])).stdout).toBe('');

    await machine.shell('systemd-sysext unmerge');
    expect(await apt('install', `/srv/${basename(archive)}`)).toMatchObject({ exitCode: 0 });
    await machine.shell('sysext-agent merge');
    expect(await apt('purge', 'sysext-agent')).toMatchObject({ exitCode: 0 });
    expect(await merged()).toBe('1');

    await machine.reboot();

    expect(await merged()).toBe('1');
    expect((await machine.shell('systemctl list-units --failed --no-legend --plain')).trim()).toBe('');
  });
});
