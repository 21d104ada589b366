import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { look } from '../crash/look.ts';
import type { Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { samplesIn } from '../support/exposition.ts';
import { bundled } from './support/bundled.ts';
import { erofsImage, putBytes, releaseOf } from './support/images.ts';
import { serviceMachine, shown, untilShown } from './support/service-machine.ts';
import type { Latency, Sample } from './support/service-probe.ts';

const directory = '/etc/sysext-agent/extensions.d';
const name = 'io.github.SysextAgent1';
const manager = `${name} /io/github/SysextAgent1 ${name}.Manager`;
const units = "systemctl list-units --all --plain --no-legend 'sysext-agent-run-*'";

/** Containers share the clock of the host, so only that of the service jumps: by the seconds in /run/clock-shift. */
const clockShift = `const { readFileSync } = require('node:fs');
const shift = () => { try { return Number(readFileSync('/run/clock-shift')) * 1000; } catch { return 0; } };
const Real = Date;
globalThis.Date = class Date extends Real {
  constructor(...args) { if (args.length === 0) super(Real.now() + shift()); else super(...args); }
  static now() { return Real.now() + shift(); }
};
`;

const override = `[Service]
RestartSec=0
ExecStart=
ExecStart=/srv/sysext-agent/node_modules/.bin/node --require /srv/clock-shift.cjs /srv/sysext-agent/dist/main.cjs daemon
`;

/** Brings a file from its own text, and needs no package. */
const spec = `name: greeter
version: '1.0'
revision: '1'
packager: Someone <someone@example.org>
license: MIT
description: a program and no package
website: https://example.org
sources:
  greet: {inline: {file: {permissions: 0o755, contents: "#!/bin/sh\\necho hello\\n"}}}
artifacts:
  binaries: {greet: {}}
`;

/** An image that brings its version to both hierarchies, as those of test/crash do. */
function image(of: string, version: string): Buffer {
  const files = { [`usr/share/${of}/version`]: `${version}\n`, [`opt/${of}/version`]: `${version}\n` };
  return erofsImage({ ...releaseOf(of), ...files });
}

describe('the service under hard conditions', () => {
  let machine: Machine;
  let probe: string;

  beforeAll(async () => {
    machine = await serviceMachine(262);
    const images = [
      ['a', '1'],
      ['a', '2'],
      ['b', '1'],
      ['cycled', '1'],
      ['cycled', '2'],
    ] as const;
    for (const [of, version] of images) await putBytes(machine, `/srv/${of}-${version}.raw`, image(of, version));
    probe = (await bundled(machine, 'test/integration/support/service-probe.ts')).join(' ');
    await machine.write('/srv/clock-shift.cjs', clockShift);
    await machine.write('/srv/greeter.yml', spec);
    await machine.write('/etc/systemd/system/sysext-agent.service.d/test.conf', override);
    await machine.shell('systemctl daemon-reload; systemctl enable --now sysext-agent');
    await dropIn('10-a.yml', 'a', '1');
    await until('cat /usr/share/a/version', '1');
  });

  afterAll(async () => {
    await machine.stop();
  });

  const sh = (command: string) => shown(machine, command);
  const until = (command: string, expected: string | RegExp) => untilShown(machine, command, expected);
  const dropIn = (file: string, of: string, version: string) =>
    machine.write(`${directory}/${file}`, `extensions:\n  ${of}:\n    image: /srv/${of}-${version}.raw\n`);
  const probed = async <T>(command: string) => JSON.parse(await sh(`${probe} ${command}`)) as T;
  const mainPid = () => sh('systemctl show --value -p MainPID sysext-agent');
  const isIdle = () => until(`busctl get-property ${manager} State`, 's "idle"');
  const hold = () => machine.shell('touch /run/hold');
  const letGo = () => machine.shell('rm /run/hold');
  const isMerging = () => until(`${units} --state=activating | wc -l`, '1');

  /** The path of the job that a call gives. */
  async function job(call: string): Promise<string> {
    const told = await machine.shell(`busctl call ${manager} ${call}`);
    return /"(.*)"/.exec(told)?.[1] ?? '';
  }

  const ended = (path: string) =>
    waitFor(`the end of ${path}`, async () => {
      const state = await sh(`busctl get-property ${name} ${path} ${name}.Job State Error`);
      return /queued|running/.test(state) ? undefined : state;
    });

  /** What must hold when the service has come to rest, whatever has happened. */
  async function allIsWell(seen: string): Promise<void> {
    await isIdle();
    const host = { root: machine.root, shell: (script: string) => machine.shell(`cd /; ${script}`) };
    expect(await look(host, { forgets: true, complete: true, masked: false })).toMatchObject({ seen, wrong: [] });
    expect(await sh(`${units}; ls /run/sysext-agent/runs`)).toBe('');
  }

  describe('in mid-merge', () => {
    let before = '2';
    let version = '1';

    /** From here on systemd-sysext is at work for the service, until it is let go. */
    beforeEach(async () => {
      await isIdle();
      [before, version] = [version, before];
      await hold();
      await dropIn('10-a.yml', 'a', version);
      await isMerging();
    });

    async function converges(): Promise<void> {
      await until('cat /usr/share/a/version', version);
      await allIsWell(`a ${version}`);
    }

    test('kill -9 of the service: whoever comes next waits for the merge that goes on', async () => {
      await machine.shell('systemctl kill --signal=KILL --kill-whom=main sysext-agent; systemctl stop sysext-agent');
      expect(await machine.agent(['hold', 'a'])).toMatchObject({
        exitCode: 8,
        stderr: expect.stringContaining('systemd-sysext is still at work for a service that was killed'),
      });

      const waiting = machine.agent(['hold', 'a', '--wait=60']);
      await until('cat /run/sysext-agent/lock', /sysext-agent hold a/);
      expect(await sh(`${units} | cut -d' ' -f3; cat /usr/share/a/version`)).toBe(`activating\n${before}`);
      await letGo();
      expect(await waiting).toMatchObject({ exitCode: 0 });

      // What the killed one had begun is put back; then it begins anew.
      expect(await sh('cat /usr/share/a/version')).toBe(before);
      await machine.shell('sysext-agent unhold a; systemctl reset-failed sysext-agent; systemctl start sysext-agent');
      await converges();
    });

    test('kill -9 of the service, which systemd starts again', async () => {
      const pid = await mainPid();
      await machine.shell('systemctl kill --signal=KILL --kill-whom=main sysext-agent');
      const other = `[ "$(systemctl show --value -p MainPID sysext-agent)" != ${pid} ]`;
      await until(`${other} && systemctl is-active sysext-agent`, 'active');
      await letGo();
      await converges();
    });

    test("kill -9 of PID 1's unit", async () => {
      await machine.shell(`systemctl kill --signal=KILL 'sysext-agent-run-*'`);
      await letGo();
      await converges();
      expect(await sh('journalctl -u sysext-agent -o cat')).toContain('systemd ended it: signal');
    });

    test('the bus restarts', async () => {
      await machine.shell('systemctl restart dbus');
      await letGo();
      await converges();
    });

    test('kill -9 of the bus', async () => {
      await machine.shell('systemctl kill --signal=KILL dbus');
      await letGo();
      await converges();
    });

    test('kill -9 of the service while there is no bus', async () => {
      await machine.shell(`systemctl stop dbus.socket dbus; kill -9 ${await mainPid()}`);
      await until('systemctl is-active dbus.socket dbus', 'inactive\ninactive');
      expect(await machine.agent(['hold', 'a'])).toMatchObject({
        exitCode: 8,
        stderr: expect.stringMatching(/at work for a service that was killed|another operation is under way/),
      });
      await machine.shell('systemctl start dbus.socket dbus');
      await letGo();
      await converges();
    });

    test('the clock jumps to and fro', async () => {
      await machine.shell('echo 31536000 >/run/clock-shift');
      await letGo();
      await converges();

      await machine.shell('echo -31536000 >/run/clock-shift');
      [before, version] = [version, before];
      await dropIn('10-a.yml', 'a', version);
      await converges();
      await machine.shell('rm /run/clock-shift');
    });
  });

  test('a job tells how it goes on, and one in mid-merge that is cancelled leaves everything as it was', async () => {
    const [, seen = ''] = /(\d)/.exec(await sh('cat /usr/share/a/version')) ?? [];
    await machine.shell(`busctl monitor --json=short ${name} >/tmp/heard 2>&1 & echo $! >/tmp/monitor`);
    await until(`busctl get-property ${manager} Version >/dev/null; cat /tmp/heard`, /Version/);
    expect(await ended(await job('Install asa{sv} 1 /srv/greeter.yml 0'))).toBe('s "done"\ns ""');
    await machine.shell('kill $(cat /tmp/monitor)');
    const heard = await sh('cat /tmp/heard');
    const told = Array.from(heard.matchAll(/"Progress":\{"type":"s","data":"([^"]+)"/g), ([, what]) => what);
    expect(told.join('\n')).toMatch(/greeter/);
    expect(await sh('greet')).toBe('hello');
    expect(await ended(await job('Remove as 1 greeter'))).toBe('s "done"\ns ""');

    await hold();
    const path = await job('Install asa{sv} 1 /srv/b-1.raw 0');
    await isMerging();
    expect(await sh(`busctl call ${manager} List`)).toMatch(/^a\(ssbss\) \d/);
    await machine.shell(`busctl call ${name} ${path} ${name}.Job Cancel`);
    expect(await sh(`busctl get-property ${name} ${path} ${name}.Job State`)).toBe('s "running"');
    await letGo();
    expect(await ended(path)).toMatch(/^s "cancelled"\n/);
    await allIsWell(`a ${seen}`);
  });

  test('senseless calls are refused, and those who ask meanwhile are served', async () => {
    const pid = await mainPid();

    const fuzzed = await probed<{ calls: number; outcomes: Record<string, number> }>('fuzz');
    const [flooded, reads] = await Promise.all([
      probed<{ outcomes: Record<string, number> }>('flood 1000 100000'),
      probed<{ reads: number; service: Latency }>('latency'),
    ]);
    await probed('vanish 60');

    const outcomes = { ...fuzzed.outcomes, ...flooded.outcomes };
    const isTold =
      /^(answered|org\.freedesktop\.DBus\.Error\.(?!NoReply)\w+|io\.github\.SysextAgent1\.Error\.(?!Internal)\w+)$/;
    expect(fuzzed.calls).toBeGreaterThan(500);
    expect(Object.keys(outcomes).filter((outcome) => !isTold.test(outcome))).toEqual([]);
    expect(Object.values(flooded.outcomes).reduce((sum, one) => sum + one)).toBe(1000);
    expect(flooded.outcomes['answered']).toBeGreaterThan(200);
    expect(reads.reads).toBeGreaterThan(1);
    expect(await mainPid()).toBe(pid);
  });

  test('what it takes of the host stays the same', async () => {
    await isIdle();
    const passes = await probed<Sample[]>('reconciles 40');
    await probed('changes 4 /srv/cycled-%.raw');
    const changed = await probed<Sample[]>('changes 4 /srv/cycled-%.raw');
    await machine.shell(`rm ${directory}/50-cycled.yml`);
    await until('ls /usr/share/cycled 2>&1', /No such file/);

    const [, second, ...later] = passes;
    expect(later).toHaveLength(9);
    for (const one of [...later, ...changed.slice(-1)]) {
      expect(one).toMatchObject({ matchRules: second?.matchRules });
    }
    // Some are given back only when memory is collected, and what is lost never is.
    await waitFor('as few descriptors as at first', async () => {
      const [last] = (await probed<Sample[]>('reconciles 4')).slice(-1);
      return (last?.descriptors ?? NaN) <= (second?.descriptors ?? NaN) ? true : undefined;
    });
    expect(later.at(-1)?.historyBytes).toBe(second?.historyBytes);
    expect((later.at(-1)?.rssKib ?? 0) / (second?.rssKib ?? NaN)).toBeLessThan(1.25);
  });

  test('a burst of drop-ins is few passes, and one that is half written is not acted on', async () => {
    const body = "'extensions:\n  e%:\n    state: absent\n'";
    // Where the machine is busy, some of the 500 events come later than the wait for them.
    expect((await probed<{ passes: number }>(`burst 500 ${directory} ${body}`)).passes).toBeLessThanOrEqual(5);
    await machine.shell(`rm ${directory}/70-*`);

    // Someone writes a line at a time; each state in between is a valid file that says something else.
    const said = 'journalctl -u sysext-agent -o cat | wc -l';
    await isIdle();
    const lines = await sh(said);
    await machine.shell(`
      exec 3>${directory}/80-slow.yml 4<> <(:)
      for line in 'extensions:' '  b:' '    image: /srv/b-' ; do printf '%s\\n' "$line" >&3; read -rt 0.03 -u 4 || true; done
      exec 3>&-; printf 'extensions:\\n  b:\\n    image: /srv/b-1.raw\\n' >${directory}/80-slow.yml`);
    await until('cat /usr/share/b/version', '1');
    await isIdle();
    expect(await sh(`journalctl -u sysext-agent -o cat | tail -n +${Number(lines) + 1} | grep -c problem`)).toBe('0');
    await machine.shell(`rm ${directory}/80-slow.yml`);
    await until('ls /usr/share/b 2>&1', /No such file/);
  });

  test('its numbers are read at a socket, by everyone', async () => {
    await isIdle();
    const script = `require('node:http').get({ socketPath: '/run/sysext-agent/metrics.sock', path: '/metrics' }, (r) => r.pipe(process.stdout))`;
    const node = '/srv/sysext-agent/node_modules/.bin/node';
    const told = await machine.run(['setpriv', '--reuid=65534', '--clear-groups', node, '-e', script]);

    const samples = samplesIn(told.stdout);
    expect(samples).toContainEqual({ name: 'sysext_agent_extensions_merged', labels: {}, value: 1 });
    expect(samples).toContainEqual({ name: 'sysext_agent_config_error', labels: {}, value: 0 });
  });

  test('while nothing happens it does nothing', async () => {
    await isIdle();
    const counts = `cat /proc/${await mainPid()}/task/*/status /proc/${await mainPid()}/io | grep -E '^(voluntary|syscw|write_bytes)'`;
    await until(`before=$(${counts}); sleep 3; [ "$before" = "$(${counts})" ] && echo rests`, 'rests');
  });
});
