import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { onceForAll } from '../lab/versions.ts';
import { bundled } from './support/bundled.ts';
import { makeExtension } from './support/observation.ts';

const units = {
  'works.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n',
  'fails.service': '[Service]\nType=oneshot\nExecStart=/bin/false\n',
  'needs.service':
    '[Unit]\nRequires=fails.service\nAfter=fails.service\n[Service]\nType=oneshot\nExecStart=/bin/true\n',
  'hangs.service': '[Unit]\nJobRunningTimeoutSec=1\n[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n',
  'slow.service': '[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n',
  'skips.service': '[Unit]\nConditionPathExists=/nonexistent\n[Service]\nExecStart=/bin/sleep 1000\n',
  'daemon.service': '[Service]\nExecStart=/bin/sleep 1000\n',
};

describe.each([252, 262] as const)('systemd %d over the bus', (systemd) => {
  const testOnce = onceForAll(systemd);
  let machine: Machine;
  let scenarios: string[];

  beforeAll(async () => {
    const files = Object.fromEntries(
      Object.entries(units).map(([name, unit]) => [`/etc/systemd/system/${name}`, unit] as const),
    );
    machine = await bootMachine({ systemd, files });
    scenarios = await bundled(machine, 'test/integration/support/systemd-scenarios.ts');
  });

  afterAll(async () => {
    await machine.stop();
  });

  /** What comes of these, one after the other, in one process inside. */
  async function outcomes(...steps: readonly (readonly string[])[]): Promise<unknown[]> {
    const argv = [...scenarios, ...steps.map((step) => JSON.stringify(step))];
    const { exitCode, stdout, stderr } = await machine.run(argv);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return JSON.parse(stdout) as unknown[];
  }

  test('a job ends with its result, as a value', async () => {
    const results = [
      ['start', 'works.service', 'done'],
      ['start', 'fails.service', 'failed'],
      ['start', 'needs.service', 'dependency'],
      ['start', 'hangs.service', 'timeout'],
      ['start', 'skips.service', 'done'],
      ['restart', 'daemon.service', 'done'],
      ['reload-or-restart', 'daemon.service', 'done'],
    ] as const;

    expect(await outcomes(...results.map(([verb, unit]) => ['act', verb, unit]))).toEqual(
      results.map(([, , result]) => result),
    );
  });

  test('a unit that there is not is an error that names it, and so is a job that takes too long', async () => {
    const steps = [
      ['act', 'start', 'nothing.service'],
      ['act', 'start', 'slow.service', '300'],
      ['act', 'stop', 'slow.service'],
    ];

    expect(await outcomes(...steps)).toEqual([
      { code: 'bus-failed', said: expect.stringContaining('nothing.service not found') },
      {
        code: 'bus-timeout',
        said: expect.stringMatching(/^the job of slow\.service has not ended within 0\.3 s\nIt goes on\.\n/),
      },
      'done',
    ]);
  });

  test('the state of units is told as systemctl shows it', async () => {
    const show = (name: string) => ['shell', `systemctl show --value --property=${name} daemon.service`];
    const [, pid, invocationId, daemon, fails, nothing, list, matching] = await outcomes(
      ['act', 'start', 'daemon.service'],
      show('MainPID'),
      show('InvocationID'),
      ['status', 'daemon.service'],
      ['status', 'fails.service'],
      ['status', 'a-b@c:d.service'],
      ['list', 'daemon.service', 'nothing.service'],
      ['matching', 'daemon.*'],
    );

    expect(daemon).toEqual({
      name: 'daemon.service',
      loadState: 'loaded',
      activeState: 'active',
      subState: 'running',
      description: expect.stringContaining('daemon.service'),
      fileState: 'static',
      needsReload: false,
      result: 'success',
      invocationId: String(invocationId).trim(),
      service: { mainPid: Number(pid), mainCode: 0, mainStatus: 0 },
    });
    expect(fails).toMatchObject({
      activeState: 'failed',
      result: 'exit-code',
      service: { mainCode: 1, mainStatus: 1 },
    });
    expect(nothing).toMatchObject({ name: 'a-b@c:d.service', loadState: 'not-found' });
    expect(list).toEqual([
      { name: 'daemon.service', loadState: 'loaded', activeState: 'active', subState: 'running' },
      { name: 'nothing.service', loadState: 'not-found', activeState: 'inactive', subState: 'dead' },
    ]);
    expect(matching).toMatchObject([{ name: 'daemon.service' }]);
  });

  test('units are enabled and disabled, and a reload reads what is new', async () => {
    const [before, enabled, disabled, nothing, , , stale, reloaded, fresh] = await outcomes(
      ['fileState', 'works.service'],
      ['enable', 'works.service'],
      ['disable', 'works.service'],
      ['fileState', 'nothing.service'],
      ['act', 'start', 'daemon.service'],
      ['shell', "printf '[Unit]\\nDescription=New\\n' >>/etc/systemd/system/daemon.service"],
      ['status', 'daemon.service'],
      ['reload'],
      ['status', 'daemon.service'],
    );

    expect([before, enabled, disabled, nothing]).toEqual(['disabled', 'enabled', 'disabled', 'not-found']);
    expect(stale).toMatchObject({ needsReload: true });
    expect(reloaded).toBe('reloaded');
    expect(fresh).toMatchObject({ description: 'New', needsReload: false });
  });

  test('a program that PID 1 runs for us ends with its result and its output, and leaves nothing', async () => {
    const [works, fails, killed, exact, own, ofPid1, leavings] = await outcomes(
      ['run', 'echo out; echo err >&2; echo out'],
      ['run', 'echo no; exit 3'],
      ['run', 'kill -KILL $$'],
      ['arguments'],
      ['run', 'readlink /proc/self/ns/mnt'],
      ['shell', 'readlink /proc/1/ns/mnt'],
      ['leavings'],
    );

    expect(works).toMatchObject({ exitCode: 0, result: 'success', output: 'out\nerr\nout\n' });
    expect(works).toMatchObject({ invocationId: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(fails).toMatchObject({ exitCode: 3, result: 'exit-code', output: 'no\n' });
    expect(killed).toMatchObject({ exitCode: 137, result: 'signal', output: '' });
    expect(exact).toMatchObject({ output: '$HOME ${HOME} %n a  b \n' });
    expect(own).toMatchObject({ output: ofPid1 });
    expect(leavings).toEqual([]);
  });

  testOnce('it is ended when it takes too long or is called off, and there may be no such program', async () => {
    const steps = [
      ['run', 'echo begun; exec sleep 1000', '500'],
      ['missing'],
      ['cancel'],
      ['leavings'],
      ['shell', 'pgrep --full --list-full "sleep 1000" || true'],
    ];

    expect(await outcomes(...steps)).toEqual([
      expect.objectContaining({ result: 'timeout', exitCode: 143, output: 'begun\n' }),
      expect.objectContaining({ code: 'tool-missing' }),
      expect.objectContaining({ code: 'interrupted' }),
      [],
      expect.not.stringContaining('trap'),
    ]);
  });

  test('it outlives a bus that restarts, and so does its result', async () => {
    expect(await outcomes(['restart', 'echo a; sleep 3; echo b; exit 4'], ['leavings'])).toEqual([
      { after: 'active', exitCode: 4, result: 'exit-code', output: 'a\nb\n' },
      [],
    ]);
  });

  test('it outlives the process that asked for it, and the next one has its result', async () => {
    const asking = machine.run([...scenarios, JSON.stringify(['run', 'echo a; sleep 3; exit 5'])]);
    await waitFor('the program', async () =>
      (await machine.run(['pgrep', '--full', '^sleep 3'])).exitCode === 0 ? true : undefined,
    );
    await machine.run(['pkill', '--signal=KILL', '--full', '^[^ ]*node .*systemd-scenarios']);
    expect((await asking).exitCode).toBe(137);
    const unit = 'systemctl list-units --plain --no-legend --state=failed sysext-agent-run-*';
    await waitFor('its end', async () => ((await machine.shell(unit)) === '' ? undefined : true));

    expect(await outcomes(['left'], ['leavings'])).toEqual([
      [expect.objectContaining({ exitCode: 5, result: 'exit-code', output: 'a\n' })],
      [],
    ]);
  });

  test.each(['refresh', 'refresh by the manager', 'atomic', 'atomic by the manager'])(
    'the driver %s changes what the host has merged, and tells what was said',
    async (driver) => {
      await machine.shell(`rm -rf /var/lib/extensions/*; ${makeExtension('/var/lib/extensions/a')}`);
      const [merged, again, , refreshed, seen, unmerged, nothing] = await outcomes(
        ['merge', driver, 'merge'],
        ['merge', driver, 'merge'],
        ['shell', makeExtension('/var/lib/extensions/b')],
        ['merge', driver, 'refresh'],
        ['shell', 'nsenter --target=1 --mount ls /usr/of-a /usr/of-b'],
        ['merge', driver, 'unmerge'],
        ['merge', driver, 'unmerge'],
      );

      expect(merged).toMatchObject({ exitCode: 0, changed: true, merged: ['a'] });
      expect(again).toMatchObject({ exitCode: 1, changed: false, said: [expect.stringMatching(/already merged/i)] });
      expect(refreshed).toMatchObject({ exitCode: 0, changed: true, merged: ['a', 'b'] });
      expect(seen).toBe('/usr/of-a\n/usr/of-b\n');
      expect(unmerged).toMatchObject({ exitCode: 0, changed: true, merged: [] });
      expect(nothing).toMatchObject({ exitCode: 0, changed: false });
    },
  );
});
