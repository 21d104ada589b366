import { resolve } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { messages } from '../../src/core/messages.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { fleetLockServer, type FleetLockServer } from '../support/fleet-lock-server.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { makeDeb, makeRepository, type TestRepository } from './support/repository.ts';
import { shown as printed, untilShown } from './support/service-machine.ts';
import { addTarget, specOf } from './support/target.ts';

const units = resolve(import.meta.dirname, '../../systemd-units');
const configuration = '/etc/sysext-agent';

/** A day of the week on which no window is open for days: those are far from any midnight. */
const farDay = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7] ?? '';
const closed = `windows: [{days: [${farDay}], from: 02:00, to: 04:00, zone: UTC, spread: 0s}]\n`;

let machine: Machine;
let lock: FleetLockServer;

beforeAll(async () => {
  lock = await fleetLockServer({ default: 1 });
  machine = await bootMachine({ systemd: 257 });
  for (const name of ['sysext-agent.service', 'sysext-agent-upgrade.service', 'sysext-agent-upgrade.timer'])
    await machine.copyIn(`${units}/${name}`, `/etc/systemd/system/${name}`);
  await putBytes(machine, '/srv/jq.raw', extensionImage('jq', '1'));
  await putBytes(machine, '/srv/more.raw', extensionImage('more'));
  await putBytes(machine, '/srv/tools.raw', extensionImage('tools', '1'));
  await machine.shell('ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/; systemctl daemon-reload');
});

afterAll(async () => {
  await machine.stop();
  await lock[Symbol.asyncDispose]();
});

const dropIn = (name: string, text: string) => machine.write(`${configuration}/extensions.d/${name}`, text);
const settings = (text: string) => machine.write(`${configuration}/agent.yml`, text);
const shown = (command: string) => printed(machine, command);
const hostStatus = async () => (await machine.agent(['status'])).stdout;

const until = (command: string, expected: string | RegExp) => untilShown(machine, command, expected);

const serviceStatus = (expected: RegExp) => until('systemctl show --value -p StatusText sysext-agent', expected);
const version = (name: string) => `cat /usr/share/${name}/version`;

test('outside of a window changes wait, what is recorded is repaired, and a person can do it', async () => {
  await settings('{}\n');
  await dropIn('50-jq.yml', 'extensions: {jq: {image: /srv/jq.raw}}\n');
  await machine.shell('systemctl start sysext-agent');
  await until(version('jq'), '1');

  await settings(closed);
  await dropIn('60-tools.yml', 'extensions: {tools: {image: /srv/tools.raw}}\n');
  await serviceStatus(/^Merged: jq; tools waits until \d{4}-\d\d-\d\d 02:00 UTC: no maintenance window is open$/);
  expect(await hostStatus()).toMatch(/^note: tools waits until \w{3} .* 02:00:00 UTC: no maintenance window is open$/m);
  expect(await machine.agent(['list', '--no-legend'])).toMatchObject({ stdout: expect.not.stringContaining('tools') });

  await machine.shell('sysext-agent unmerge');
  await until(version('jq'), '1');
  expect(await shown('ls /usr/share/tools 2>&1')).toMatch(/No such file/);

  expect(await machine.agent(['apply', '--fleet'])).toMatchObject({ exitCode: 0 });
  expect(await shown(version('tools'))).toBe('1');
  await serviceStatus(/^Merged: jq, tools$/);
  expect(await hostStatus()).not.toContain('waits');
});

test('nothing runs while something waits', async () => {
  await machine.shell(`rm ${configuration}/extensions.d/60-tools.yml`);
  await serviceStatus(/^Merged: jq, tools; tools waits until/);
  const usage = 'systemctl show --value -p CPUUsageNSec -p TasksCurrent sysext-agent';
  const state = 'find /etc /run/sysext-agent /var/lib/sysext-agent -printf "%p %T@\\n" | sort';
  await until(`a=$(${usage}; ${state}); sleep 1; [ "$a" = "$(${usage}; ${state})" ] && echo idle`, 'idle');
});

test('a change waits for a slot of the fleet lock, has it while it is made, and gives it back', async () => {
  lock.take('default', 'another host');
  await settings(`fleet_lock: {url: "${lock.url}"}\n`);
  await serviceStatus(
    /^Merged: jq, tools; tools waits: the fleet lock \S+ has no slot for us: failed_lock: .*; tried again/,
  );
  expect(await hostStatus()).toMatch(/^note: tools waits: the fleet lock \S+ has no slot for us/m);

  lock.release('default', 'another host');
  await serviceStatus(/^Merged: jq$/);
  expect(lock.owners('default')).toEqual([]);
  expect(lock.asked.slice(-2).map(({ operation, status }) => [operation, status])).toEqual([
    ['pre-reboot', 200],
    ['steady-state', 200],
  ]);
  const id = await shown('systemd-id128 machine-id --app-specific=5b1c2f0e6a7d4c0c9d3e8f41b2a6907e');
  expect(lock.asked.at(-1)).toMatchObject({ id, group: 'default' });
});

test('what waits for a slot asks for one before its image is looked at again', async () => {
  lock.take('default', 'another host');
  await dropIn('70-more.yml', 'extensions: {more: {image: /srv/more.raw}}\n');
  await serviceStatus(/; more waits: the fleet lock \S+ has no slot for us/);
  await machine.shell('mv /srv/more.raw /srv/away.raw');
  const asked = lock.asked.length;
  await waitFor('another request', () => lock.asked.length > asked + 1 || undefined);
  expect(await hostStatus()).toMatch(/^note: more waits: the fleet lock/m);
  expect(await hostStatus()).not.toContain('problem:');

  await machine.shell('mv /srv/away.raw /srv/more.raw');
  lock.release('default', 'another host');
  await until(version('more'), '1');
  await serviceStatus(/^Merged: jq, more$/);
  expect(lock.owners('default')).toEqual([]);
  await machine.shell(`rm ${configuration}/extensions.d/70-more.yml`);
  await serviceStatus(/^Merged: jq$/);
});

test('a shutdown is put off while a change is made; the slot of a killed service is given back when it starts', async () => {
  const check = 'health: [{command: [sleep, "300"], timeout: 400s}]';
  await dropIn('60-tools.yml', `extensions: {tools: {image: /srv/tools.raw, ${check}}}\n`);
  await until('pgrep -cfx "sleep 300"', '1');
  expect(lock.owners('default')).toHaveLength(1);
  expect(await shown('systemd-inhibit --list --no-legend --no-pager')).toMatch(
    /^sysext-agent .* shutdown:sleep +system extensions are being merged +delay$/m,
  );

  await settings(closed);
  await machine.shell('systemctl kill --signal=KILL sysext-agent; systemctl restart sysext-agent');
  await serviceStatus(/^Merged: jq; tools waits until/);
  expect(lock.owners('default')).toEqual([]);
  expect(await shown('ls /var/lib/sysext-agent/fleet-lock.json 2>&1')).toMatch(/No such file/);
  expect(await shown('systemd-inhibit --list --no-legend --no-pager')).not.toContain('sysext-agent');

  await dropIn('60-tools.yml', 'extensions: {tools: {image: /srv/tools.raw}}\n');
  await settings('{}\n');
  await serviceStatus(/^Merged: jq, tools$/);
});

test('the timer has the service look for newer versions, in a window', async () => {
  await machine.shell('systemctl start sysext-agent-upgrade.timer');
  const next = await shown('systemctl show --value -p NextElapseUSecRealtime sysext-agent-upgrade.timer');
  expect(new Date(next.replace(/^\w+ /, '').replace(' UTC', 'Z').replace(' ', 'T')).getTime()).toBeGreaterThan(
    Date.now(),
  );

  await settings(closed);
  await putBytes(machine, '/srv/jq.raw', extensionImage('jq', '2'));
  await machine.shell('systemctl start sysext-agent-upgrade.service');
  await serviceStatus(/^Merged: jq, tools; an upgrade waits until .*: no maintenance window is open$/);
  expect(await hostStatus()).toMatch(
    /^note: an upgrade asked for at .* waits until .*: no maintenance window is open$/m,
  );
  expect(await shown(version('jq'))).toBe('1');

  await settings('{}\n');
  await until(version('jq'), '2');
  await serviceStatus(/^Merged: jq, tools$/);
  expect(await hostStatus()).not.toContain('upgrade');
  expect(await shown(`journalctl -u sysext-agent MESSAGE_ID=${messages.upgraded.id} -o json`)).toContain(
    '"SYSEXT_EXTENSIONS":"jq',
  );
});

test('what an unattended upgrade could not do is a problem in status, until one has done it', async () => {
  const upgrade = 'systemctl start sysext-agent-upgrade.service';
  await putBytes(machine, '/srv/jq.raw', Buffer.from('no image'));
  await machine.shell(upgrade);
  await until('/srv/sysext-agent/bin/sysext-agent status', /^problem: .*50-jq\.yml:1:.*jq/m);

  await putBytes(machine, '/srv/jq.raw', extensionImage('jq', '2'));
  await machine.shell(upgrade);
  await until('/srv/sysext-agent/bin/sysext-agent status | grep -c problem:', '0');
  expect(await shown(version('jq'))).toBe('2');
});

test('upgrade builds specs anew from the packages that there are now, leaves out what is held, and names it', async () => {
  using work = temporaryDirectory();
  const hello = (release: string) =>
    makeDeb(work.path, { name: 'hello', version: release, files: { 'usr/share/hello/version': `${release}\n` } });
  await using archive = await publishing(hello('1'));
  await addTarget(machine, archive.repository);
  await machine.write('/srv/hello.yml', specOf('hello', { hello: '' }));
  await dropIn('70-hello.yml', 'extensions: {hello: {spec: /srv/hello.yml, target: local}}\n');
  // It is merged a moment before the operation has ended; one that is stopped before that is undone.
  await serviceStatus(/^Merged: hello, jq, tools$/);
  expect(await shown(version('hello'))).toBe('1');
  await machine.shell('systemctl stop sysext-agent');

  const upgrade = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await machine.agent(['upgrade', ...args]);
    return {
      exitCode,
      said: stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ \(sha256.*/, '')),
      stderr,
    };
  };
  expect(await upgrade()).toMatchObject({ exitCode: 0, said: ['There is nothing newer.', 'Merged: hello, jq, tools'] });

  archive.repository.publish([hello('2')]);
  const dry = await upgrade('--dry-run');
  expect(dry.said.filter((line) => line.startsWith('would:')).join('\n')).toMatch(/hello/);
  expect(await shown(version('hello'))).toBe('1');

  await machine.shell('sysext-agent hold hello');
  await putBytes(machine, '/srv/tools.raw', extensionImage('tools', '3'));
  const held = await upgrade();
  expect(held.said).toEqual(['Replaced tools', 'Merged: hello, jq, tools']);
  expect(held.stderr).toContain('note: hello stays as it is: it is held, `sysext-agent unhold hello` ends that');

  await machine.shell('sysext-agent unhold hello');
  expect((await upgrade('hello')).said).toEqual(['Replaced hello 1.0-1', 'Merged: hello, jq, tools']);
  expect(await shown(version('hello'))).toBe('2');
});

async function publishing(deb: string): Promise<AsyncDisposable & { readonly repository: TestRepository }> {
  const repository = await makeRepository([deb]);
  return { repository, [Symbol.asyncDispose]: () => repository.close() };
}
