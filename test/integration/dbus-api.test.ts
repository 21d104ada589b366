import { resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { untilShown } from './support/service-machine.ts';

const top = resolve(import.meta.dirname, '../..');
const name = 'io.github.SysextAgent1';
const manager = `${name} /io/github/SysextAgent1 ${name}.Manager`;
const nobody = 'setpriv --reuid=65534 --regid=65534 --clear-groups';

/** A spec that is built without any package. */
const greeter = `name: greeter
version: '1'
revision: '1'
license: MIT
description: x
website: https://example.org
sources:
  greet: {inline: {file: {contents: "#!/bin/sh\\necho hello\\n"}}}
artifacts:
  binaries:
    greet: {}
`;

describe('the service on the bus', () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: 257 });
    await machine.copyIn(`${top}/systemd-units/sysext-agent.service`, '/etc/systemd/system/sysext-agent.service');
    for (const [from, to] of [
      ['dbus', 'dbus-1/system.d/io.github.SysextAgent1.conf'],
      ['dbus', 'dbus-1/system-services/io.github.SysextAgent1.service'],
      ['polkit', 'polkit-1/actions/io.github.SysextAgent1.policy'],
    ] as const) {
      await machine.copyIn(`${top}/packaging/${from}/${to.replace(/.*\//, '')}`, `/usr/share/${to}`);
    }
    for (const one of ['a', 'b']) await putBytes(machine, `/srv/${one}.raw`, extensionImage(one, '1'));
    await machine.shell(
      'ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/; chmod 755 /srv; chmod 644 /srv/*.raw; ' +
        'systemctl daemon-reload; systemctl reload dbus',
    );
  });

  afterAll(async () => {
    await machine.stop();
  });

  const sh = async (command: string) => {
    const { exitCode, stdout, stderr } = await machine.run(['bash', '-c', command]);
    return { exitCode, stdout: stdout.trim(), stderr: stderr.trim() };
  };
  const call = (rest: string, as = '') => sh(`${as} busctl call ${manager} ${rest}`);
  /** The command of a user who is not root. */
  const asUser = (rest: string) => sh(`${nobody} sysext-agent ${rest}`);
  const property = async (path: string, of: string, one: string) =>
    (await sh(`busctl get-property ${name} ${path} ${name}.${of} ${one}`)).stdout;

  /** Makes a call that gives a job, and returns how that ends. */
  async function job(rest: string, as = ''): Promise<{ readonly state: string; readonly error: string }> {
    const { stdout, stderr } = await call(rest, as);
    const [, path = ''] = /^o "(.*)"$/.exec(stdout) ?? [];
    if (path === '') throw new Error(stderr);
    const state = await waitFor(`the end of ${path}`, async () => {
      const text = await property(path, 'Job', 'State');
      return /queued|running/.test(text) ? undefined : text;
    });
    return { state, error: await property(path, 'Job', 'Error') };
  }

  /** Has polkit let everyone do just this, a moment later. */
  const allow = (action: string) =>
    machine.write(
      '/etc/polkit-1/rules.d/10-test.rules',
      `polkit.addRule(function (action) { if (action.id === '${name}.${action}') return polkit.Result.YES; });\n`,
    );

  test('a call starts it where it is enabled, and everyone can ask what there is', async () => {
    expect(await call('List', nobody)).toMatchObject({ exitCode: 1, stdout: '' });
    expect((await sh('systemctl is-active sysext-agent')).stdout).toBe('inactive');
    await machine.shell('systemctl enable sysext-agent');

    const listed = await call('List', nobody);

    expect(listed).toMatchObject({ stdout: 'a(ssbss) 0', stderr: '' });
    // It answers a moment before it says that it is ready.
    await waitFor('the service to be ready', async () => {
      const { stdout } = await sh('systemctl is-active sysext-agent');
      return stdout === 'active' || undefined;
    });
    expect((await sh(`${nobody} busctl introspect ${manager}`)).stdout).toMatch(/^\.Install +method +asa\{sv\} +o/m);
    expect((await sh(`busctl tree --list ${name}`)).stdout).toContain('/io/github/SysextAgent1');
  });

  test('root installs and removes, and the history says who it was', async () => {
    expect(await job('Install asa{sv} 1 /srv/a.raw 1 reason s testing')).toEqual({ state: 's "done"', error: 's ""' });

    expect((await sh('cat /usr/share/a/version')).exitCode).toBe(0);
    expect((await call('List')).stdout).toContain('"a" "" true "person" ""');
    await waitFor('the property', async () => {
      return (await property('/io/github/SysextAgent1', 'Manager', 'Merged')) === 'as 1 "a"' || undefined;
    });
    expect((await call('History u 1')).stdout).toMatch(/^a\(ususasss\) 1 1 ".*Z" 0 "install" 1 "a" "done" ""$/);
    expect((await sh('sysext-agent history 1')).stdout).toMatch(/Reason: +testing/);
    expect((await call('Explain s a')).stdout).toContain('a is merged into /usr since');
    const onOther = await call(`CheckOs s "$(printf 'ID=other\\nVERSION_ID=1\\n')"`, nobody);
    expect(onOther.stdout).toBe('a(ssbs) 1 "a" "" true ""');
    const checked = /^ssbsa\(sss\) "b" "" true "it says it is for any system \(ID=_any\)" /;
    for (const as of ['', nobody]) expect((await call('Check s /srv/b.raw', as)).stdout).toMatch(checked);
    const managed = await sh(
      `busctl call ${name} /io/github/SysextAgent1 org.freedesktop.DBus.ObjectManager GetManagedObjects`,
    );
    expect(managed.stdout).toContain(`"/io/github/SysextAgent1/job/1" 1 "${name}.Job" 7 "Id" u 1 "Verb" s "install"`);
    expect(await job('Upgrade as 0')).toEqual({ state: 's "done"', error: 's ""' });
    const missing = await job('Remove as 1 nothere');
    expect(missing).toMatchObject({ state: 's "failed"', error: expect.stringContaining('Error.NoSuchExtension: ') });
  });

  test('a user whom a rule of polkit lets upgrade does that, and nothing else', async () => {
    const publish = async (...versions: string[]) => {
      for (const one of versions) await putBytes(machine, `/srv/new/jq-${one}-x86-64.raw`, extensionImage('jq', one));
      await machine.shell('cd /srv/new; sha256sum *.raw > SHA256SUMS');
    };
    await publish('1.7');
    await machine.write('/etc/sysext-agent/agent.yml', 'trust: [{place: /srv/new, unsigned: allowed}]\n');
    await machine.shell('sysext-agent install /srv/new/ --name=jq');
    await publish('1.8');
    expect(await asUser('upgrade')).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/polkit .*\.upgrade/) });
    expect((await sh('cat /usr/share/jq/version')).stdout).toBe('1.7');

    await allow('upgrade');
    const upgraded = await waitFor('the rule', async () => {
      const asked = await asUser('upgrade');
      return asked.stderr.includes('polkit') ? undefined : asked;
    });

    expect(upgraded).toEqual({ exitCode: 0, stdout: 'Merged: a, jq', stderr: expect.not.stringContaining('problem') });
    expect((await sh('cat /usr/share/jq/version')).stdout).toBe('1.8');
    expect((await call('History u 1')).stdout).toContain(' 65534 "apply" 1 "jq" "done"');
    for (const one of ['install /srv/b.raw', 'remove jq', 'hold jq'])
      expect(await asUser(one)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('polkit') });
    expect(await job('Remove as 1 jq')).toMatchObject({ state: 's "done"' });
  });

  test('a user can ask for what a rule of polkit allows, and for nothing else', async () => {
    const refused = await call('Remove as 1 a', nobody);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toMatch(/polkit .* io\.github\.SysextAgent1\.remove/);

    await allow('install');
    const allowed = await waitFor('the rule', async () => {
      const { stdout } = await call('Install asa{sv} 1 /srv/b.raw 0', nobody);
      return stdout === '' ? undefined : stdout;
    });
    expect(allowed).toMatch(/job/);
    // It is merged a moment before the operation has ended.
    await waitFor('b in the history', async () => {
      return (await call('History u 1')).stdout.includes(' 65534 "install" 1 "b" "done"') || undefined;
    });
    expect((await sh('cat /usr/share/b/version')).exitCode).toBe(0);
    expect((await call('Remove as 1 a', nobody)).stderr).toContain(`${name}.remove`);

    expect(await asUser('install /srv/b.raw')).toEqual({ exitCode: 0, stdout: 'Merged: a, b', stderr: '' });
    expect((await call('Upgrade as 0', nobody)).stderr).toContain(`${name}.upgrade`);
    expect(await asUser('upgrade')).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/polkit .*\.upgrade/) });
    await machine.write('/srv/greeter.yml', greeter);
    // While another operation has the lock it is not installed: what is told meanwhile is what was done until then.
    await machine.shell('flock /run/sysext-agent/lock sleep 60 > /dev/null 2>&1 & echo $! > /tmp/holder');
    await sh(
      `(${nobody} sysext-agent install /srv/greeter.yml > /tmp/built 2>&1; echo "exit $?" >> /tmp/built) > /dev/null 2>&1 &`,
    );
    await untilShown(machine, 'cat /tmp/built', /^building greeter.* from /m);
    await machine.shell('pkill -P $(cat /tmp/holder)');
    await untilShown(machine, 'cat /tmp/built', /^Merged: a, b, greeter\nexit 0$/m);
    expect(await job('Remove as 1 greeter')).toMatchObject({ state: 's "done"' });
    expect(await asUser('remove a')).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/polkit .*\.remove/) });
    expect(await asUser('install /srv/nothere.raw')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await asUser('install --allow=setuid /srv/b.raw')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('only root may install extensions'),
    });

    await machine.shell(
      'cp /srv/a.raw /srv/own.raw; chown 65534 /srv/own.raw; install -m 600 /srv/a.raw /srv/closed.raw; mkdir -p /srv/tree/usr',
    );
    for (const path of ['/srv/own.raw', '/srv/closed.raw', '/srv/tree', '/etc/shadow', '/nothing']) {
      expect((await call(`Install asa{sv} 1 ${path} 0`, nobody)).stderr).toContain('is not taken for a user');
      expect((await call(`Check s ${path}`, nobody)).stderr).toContain('is not taken for a user');
    }
  });

  test('signals tell of jobs, and who began one can cancel it', async () => {
    const watched = `timeout 60 busctl monitor --json=short --match "type='signal',sender='${name}'" --match "member='Heard'" > /tmp/signals 2>&1`;
    await machine.shell(`${watched} & echo $! > /tmp/monitor`);
    await waitFor('the monitor', async () => {
      return (await sh('busctl emit / test.Monitor Heard; cat /tmp/signals')).stdout.includes('"Heard"') || undefined;
    });
    // While another operation has the lock jobs wait.
    await machine.shell('flock /run/sysext-agent/lock sleep 60 > /dev/null 2>&1 & echo $! > /tmp/holder');
    const [first, second] = [await call('Refresh'), await call('Install asa{sv} 1 /srv/b.raw 0', nobody)].map(
      ({ stdout }) => /"(.*)"/.exec(stdout)?.[1] ?? '',
    );
    const cancel = (path = '', as = '') => sh(`${as} busctl call ${name} ${path} ${name}.Job Cancel`);

    expect((await cancel(first, nobody)).stderr).toContain(`${name}.cancel`);
    expect(await property(second ?? '', 'Job', 'State')).toBe('s "queued"');
    expect(await cancel(second, nobody)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await cancel(first)).toMatchObject({ exitCode: 0, stderr: '' });
    const told = await waitFor('the signals', async () => {
      const { stdout } = await sh('cat /tmp/signals');
      return [first, second].every((path) => stdout.includes(`"${path ?? ''}","cancelled"`)) ? stdout : undefined;
    });
    const jobs = async () => (await sh(`busctl tree --list ${name}`)).stdout;
    const before = await jobs();
    await sh(
      `(${nobody} sysext-agent install /srv/b.raw > /tmp/asked 2>&1; echo "exit $?" >> /tmp/asked) > /dev/null 2>&1 &`,
    );
    await waitFor('its job', async () => (await jobs()) !== before || undefined);
    await machine.shell('pkill -TERM -u 65534');
    const asked = await waitFor('its end', async () => {
      const { stdout } = await sh('cat /tmp/asked');
      return stdout.includes('exit') ? stdout : undefined;
    });
    expect(asked).toMatch(/^sysext-agent: .*interrupted.*\n[^]*exit 130$/);
    await machine.shell('pkill -P $(cat /tmp/holder); kill $(cat /tmp/holder /tmp/monitor) || true');
    expect(told).toContain('"member":"JobNew"');
    expect(told).toMatch(/"member":"InterfacesAdded".*"Verb":\{"type":"s","data":"refresh"\}/);
    expect(told).toContain('"State":{"type":"s","data":"working"}');
  });

  test('without polkit only root can change anything, and everyone still reads', async () => {
    await machine.shell('systemctl mask --now --runtime polkit');
    expect((await call('Install asa{sv} 1 /srv/b.raw 0', nobody)).stderr).toMatch(/only root may .*install/);
    expect((await call('List', nobody)).stdout).toMatch(/^a\(ssbss\) 2 /);
    expect(await job('Hold as 1 a')).toMatchObject({ state: 's "done"' });
    await machine.shell('systemctl unmask --runtime polkit');
  });

  test('what makes no sense is refused, and it goes on', async () => {
    const pid = 'systemctl show --value -p MainPID sysext-agent';
    const before = (await sh(pid)).stdout;

    expect((await call('Remove s a')).stderr).toContain('takes arguments of the types "as", not "s"');
    expect((await call('Nonsense')).stderr).toContain('no method of this name');
    expect((await call('Install asa{sv} 1 a.raw 0')).stderr).toContain('neither an absolute path');
    expect((await call('Remove as 0')).stderr).toContain('give 1 to 64');
    expect((await call('Install asa{sv} 1 /srv/a.raw 1 force b true')).stderr).toContain('no option force');
    expect((await sh(`busctl get-property ${name} /io/github/SysextAgent1/job/9999 ${name}.Job Id`)).exitCode).toBe(1);
    const huge = `x=$(head -c 100000 /dev/zero | tr '\\0' x); busctl call ${manager} Remove as 11 ${'$x '.repeat(11)}`;
    expect((await sh(huge)).stderr).toContain('the arguments are too long: at most 262144 bytes');
    const many = `for i in $(seq 200); do timeout 60 busctl call ${manager} List > /tmp/list.$i 2>&1 & done; wait; cat /tmp/list.* | sort | uniq -c`;
    expect((await sh(many)).stdout).toMatch(/^200 a\(ssbss\) 2 /);
    await sh(`for i in $(seq 20); do timeout 0.02 busctl call ${manager} List & done; wait`);

    expect((await sh(pid)).stdout).toBe(before);
  });

  test('it is there again after the bus was', async () => {
    await machine.shell('systemctl restart dbus');

    const listed = await waitFor('an answer', async () => {
      const { exitCode, stdout } = await call('List');
      return exitCode === 0 ? stdout : undefined;
    });
    expect(listed).toMatch(/^a\(ssbss\) 2 /);
  });
});
