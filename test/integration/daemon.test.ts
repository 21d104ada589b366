import { resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { messages } from '../../src/core/messages.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { shown as printed, untilShown } from './support/service-machine.ts';

const unit = resolve(import.meta.dirname, '../../systemd-units/sysext-agent.service');
const directory = '/etc/sysext-agent/extensions.d';

describe.each([252, 262] as const)('the service on systemd %d', (systemd) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await machine.copyIn(unit, '/etc/systemd/system/sysext-agent.service');
    for (const version of ['1', '2']) await putBytes(machine, `/srv/jq-${version}.raw`, extensionImage('jq', version));
    await machine.shell('ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/; systemctl daemon-reload');
  });

  afterAll(async () => {
    await machine.stop();
  });

  const dropIn = (name: string, text: string) => machine.write(`${directory}/${name}`, text);
  const jq = (version: string) => dropIn('50-jq.yml', `extensions:\n  jq:\n    image: /srv/jq-${version}.raw\n`);
  const shown = (command: string) => printed(machine, command);
  const merged = () => shown('cat /usr/share/jq/version');

  const until = (command: string, expected: string | RegExp) => untilShown(machine, command, expected);

  const status = (expected: RegExp) => until('systemctl show --value -p StatusText sysext-agent', expected);

  test('drop-ins are carried out as they come, change and go', async () => {
    await machine.shell('systemctl start sysext-agent');
    await status(/^Nothing is merged$/);
    expect(await shown(`ls -d ${directory}`)).toBe('');

    await jq('1');
    await until('cat /usr/share/jq/version', '1');
    await status(/^Merged: jq$/);
    await jq('2');
    await until('cat /usr/share/jq/version', '2');

    await dropIn('60-bad.yml', 'extensions:\n  tools:\n    imgae: /srv/tools.raw\n');
    await status(/^Merged: jq; 1 problem with drop-ins/);
    const told = await machine.agent(['status']);
    expect(told.stdout).toContain(`problem: ${directory}/60-bad.yml:3:5: extensions.tools: unknown field "imgae"`);
    expect(await merged()).toBe('2');
    expect(await shown('sysext-agent list --no-legend')).toMatch(/^jq +2? .* fleet 50-jq\.yml +yes$/m);

    await dropIn('60-bad.yml', 'extensions: {}\n');
    await status(/^Merged: jq$/);
    await machine.shell(`rm ${directory}/50-jq.yml`);
    await until('ls /usr/share/jq 2>&1', /No such file/);
  });

  test('what is told is in the journal, with its priority and its id', async () => {
    const told = async () =>
      (await shown('journalctl -u sysext-agent -o json --output-fields=PRIORITY,MESSAGE'))
        .split('\n')
        .map((line) => JSON.parse(line) as { PRIORITY: string; MESSAGE: string })
        .filter(({ MESSAGE }) => MESSAGE.startsWith('{'))
        .map(({ PRIORITY, MESSAGE }) => ({ PRIORITY, ...(JSON.parse(MESSAGE) as { message: string }) }));
    // What was done can be seen a moment before it is told.
    const lines = await waitFor('three changes that are told', async () => {
      const all = await told();
      return all.filter(({ message }) => message === 'extensions were changed').length >= 3 ? all : undefined;
    });
    const of = (message: string) => lines.filter((line) => line.message === message);

    expect(of('extensions were changed')).toEqual([
      expect.objectContaining({
        PRIORITY: '5',
        installed: ['jq 1'],
        messageId: expect.stringMatching(/^[0-9a-f]{32}$/),
      }),
      expect.objectContaining({ PRIORITY: '5', replaced: ['jq 2'] }),
      expect.objectContaining({ PRIORITY: '5', removed: ['jq 2'], merged: [] }),
    ]);
    expect(of('a drop-in has a problem')).toMatchObject([
      { PRIORITY: '4', problem: expect.stringContaining('60-bad.yml:3:5') },
    ]);
    expect(of('a problem is solved')).toHaveLength(1);
    const fields = '--output-fields=PRIORITY,SYSEXT_INSTALLED,SYSEXT_MERGED,SYSEXT_PROBLEM';
    const event = async ({ id }: { readonly id: string }) => {
      const [first = ''] = (await shown(`journalctl -u sysext-agent MESSAGE_ID=${id} -o json ${fields}`)).split('\n');
      return JSON.parse(first) as unknown;
    };
    const changed = { PRIORITY: '5', SYSEXT_INSTALLED: 'jq 1', SYSEXT_MERGED: 'jq' };
    expect(await event(messages.changed)).toMatchObject(changed);
    expect(await event(messages.problem)).toMatchObject({
      PRIORITY: '4',
      SYSEXT_PROBLEM: expect.stringContaining(`${directory}/60-bad.yml:3:5: extensions.tools: unknown field "imgae"`),
    });
  });

  test('it ends at once, and finds what changed while it was away', async () => {
    await machine.shell('systemctl stop sysext-agent');
    expect(await shown('systemctl show --value -p Result -p ExecMainStatus sysext-agent | sort')).toBe('0\nsuccess');

    await jq('1');
    await machine.shell('systemctl start sysext-agent');
    await until('cat /usr/share/jq/version', '1');
  });

  test('it changes no file and runs nothing where nothing changed', async () => {
    await status(/^Merged: jq$/);
    const usage = 'systemctl show --value -p CPUUsageNSec -p TasksCurrent sysext-agent';
    const state = 'find /etc /run/sysext-agent /var/lib/sysext-agent -printf "%p %T@\\n" | sort';
    await until(`a=$(${usage}; ${state}); sleep 2; [ "$a" = "$(${usage}; ${state})" ] && echo idle`, 'idle');
  });

  test('it is confined', async () => {
    const { exitCode, stdout } = await machine.run(['systemd-analyze', 'security', '--threshold=30', 'sysext-agent']);

    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  });
});
