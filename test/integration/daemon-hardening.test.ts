import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { look } from '../crash/look.ts';
import type { Machine } from '../lab/machine.ts';
import { bundled } from './support/bundled.ts';
import { erofsImage, putBytes, releaseOf } from './support/images.ts';
import { serviceMachine, shown, untilShown } from './support/service-machine.ts';
import type { Sample } from './support/service-probe.ts';

const directory = '/etc/sysext-agent/extensions.d';
const bus = 'io.github.SysextAgent1 /io/github/SysextAgent1 io.github.SysextAgent1.Manager';
const units = "systemctl list-units --all --plain --no-legend 'sysext-agent-run-*'";

/** An image that brings its version to both hierarchies, as those of test/crash do. */
function image(name: string, version: string): Buffer {
  const files = { [`usr/share/${name}/version`]: `${version}\n`, [`opt/${name}/version`]: `${version}\n` };
  return erofsImage({ ...releaseOf(name), ...files });
}

describe('the service under hard conditions', () => {
  let machine: Machine;
  let probe: string;

  beforeAll(async () => {
    machine = await serviceMachine(262);
    for (const [name, version] of [
      ['a', '1'],
      ['a', '2'],
      ['b', '1'],
      ['cycled', '1'],
      ['cycled', '2'],
    ] as const)
      await putBytes(machine, `/srv/${name}-${version}.raw`, image(name, version));
    probe = (await bundled(machine, 'test/integration/support/service-probe.ts')).join(' ');
    await machine.shell('systemctl enable --now sysext-agent');
    await dropIn('10-a.yml', 'a', '1');
    await until('cat /usr/share/a/version', '1');
  });

  afterAll(async () => {
    await machine.stop();
  });

  const sh = (command: string) => shown(machine, command);
  const until = (command: string, expected: string | RegExp) => untilShown(machine, command, expected);
  const dropIn = (file: string, name: string, version: string) =>
    machine.write(`${directory}/${file}`, `extensions:\n  ${name}:\n    image: /srv/${name}-${version}.raw\n`);
  const probed = async <T>(command: string) => JSON.parse(await sh(`${probe} ${command}`)) as T;
  const mainPid = () => sh('systemctl show --value -p MainPID sysext-agent');
  const isIdle = () => until(`busctl get-property ${bus} State`, 's "idle"');

  /** What must hold when the service has come to rest, whatever has happened. */
  async function allIsWell(seen: string): Promise<void> {
    await isIdle();
    const expectations = { forgets: false, complete: true, masked: false };
    const host = { root: machine.root, shell: (script: string) => machine.shell(`cd /; ${script}`) };
    const found = await look(host, expectations);
    expect(found).toMatchObject({ seen, wrong: [] });
    expect(await sh(`${units}; ls /run/sysext-agent/runs`)).toBe('');
  }

  describe('in mid-merge', () => {
    let version = '1';

    /** From here on systemd-sysext is at work for the service, until it is let go. */
    beforeEach(async () => {
      await isIdle();
      version = version === '1' ? '2' : '1';
      await machine.shell('touch /run/hold');
      await dropIn('10-a.yml', 'a', version);
      await until(`${units} --state=activating | wc -l`, '1');
    });

    const letGo = () => machine.shell('rm /run/hold');

    test('kill -9 of the service: who comes next waits for the merge that goes on', async () => {
      await machine.shell('systemctl kill --signal=KILL --kill-whom=main sysext-agent; systemctl stop sysext-agent');
      const busy = await machine.agent(['hold', 'a']);
      expect(busy).toMatchObject({ exitCode: 8, stderr: expect.stringContaining('for a service that was killed') });
      const unit = (await sh(units)).split(' ', 1).join('');

      const waiting = machine.agent(['hold', 'a', '--wait=60']);
      await until('cat /run/sysext-agent/lock', /sysext-agent hold a/);
      expect(await sh(`systemctl is-active ${unit}`)).toBe('activating');
      expect(await sh('cat /usr/share/a/version')).toBe(version === '1' ? '2' : '1');
      await letGo();
      expect(await waiting).toMatchObject({ exitCode: 0 });

      // What the killed one had begun is put back; then it begins anew.
      expect(await sh('cat /usr/share/a/version')).toBe(version === '1' ? '2' : '1');
      await machine.shell('sysext-agent unhold a; systemctl reset-failed sysext-agent; systemctl start sysext-agent');
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    });

    test('kill -9 of the service, which systemd starts again', async () => {
      await machine.shell('systemctl kill --signal=KILL --kill-whom=main sysext-agent');
      await until('systemctl is-active sysext-agent', /^active$/);
      await letGo();
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    });

    test("kill -9 of PID 1's unit", async () => {
      await machine.shell(`systemctl kill --signal=KILL 'sysext-agent-run-*'`);
      await letGo();
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
      expect(await sh('journalctl -u sysext-agent -o cat')).toContain('systemd ended it: signal');
    });

    test('the bus restarts', async () => {
      await machine.shell('systemctl restart dbus');
      await letGo();
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    });

    test('kill -9 of the bus', async () => {
      await machine.shell('systemctl kill --signal=KILL dbus');
      await letGo();
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    });

    test('kill -9 of the bus and of the service', async () => {
      await machine.shell(`
        systemctl stop dbus.socket dbus || true
        kill -9 ${await mainPid()}; rm /etc/nothing 2>/dev/null || true`);
      const busy = await machine.agent(['hold', 'a']);
      expect(busy).toMatchObject({ exitCode: 8, stderr: expect.stringContaining('for a service that was killed') });
      await machine.shell('systemctl start dbus.socket');
      await letGo();
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    });
  });

  test('senseless calls are refused, and those who ask meanwhile are served', async () => {
    const before = await mainPid();
    const operations = await sh(`busctl call ${bus} History u 1000`);

    const fuzzed = await probed<{ calls: number; outcomes: Record<string, number> }>('fuzz');
    const [flooded, reads] = await Promise.all([
      probed<{ outcomes: Record<string, number> }>('flood 1000'),
      probed<{ reads: number; longest: number }>('latency'),
    ]);
    await probed('vanish 60');

    console.log(JSON.stringify({ fuzzed, flooded, reads }, null, 1));
    expect(fuzzed.calls).toBeGreaterThan(500);
    expect(
      Object.keys(fuzzed.outcomes).filter(
        (name) => !/^(answered$|org\.freedesktop\.DBus\.Error\.|io\.github\.SysextAgent1\.Error\.)/.test(name),
      ),
    ).toEqual([]);
    expect(await mainPid()).toBe(before);
    await isIdle();
    expect(operations).not.toBe('');
  });

  test('what it takes of the host stays the same', async () => {
    const passes = await probed<Sample[]>('reconciles 200');
    const changed = await probed<Sample[]>('changes 10 /srv/cycled-%.raw');
    await machine.shell(`rm ${directory}/50-cycled.yml`);

    console.log(JSON.stringify({ passes, changed }, null, 1));
  });

  test('a burst of drop-ins is one pass', async () => {
    const body = "'extensions:\n  e%:\n    state: absent\n'";
    const told = await probed<{ passes: number }>(`burst 500 ${directory} ${body}`);
    console.log(told);
    expect(told.passes).toBeLessThanOrEqual(2);
    await machine.shell(`rm ${directory}/70-*`);
  });
});
