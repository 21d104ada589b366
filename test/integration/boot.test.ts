import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import type { SystemdVersion } from '../lab/rootfs.ts';
import { waitFor } from '../lab/wait.ts';
import { failure } from './support/host-state.ts';
import { erofsImage, extensionImage, putFiles, releaseOf, serviceImage } from './support/images.ts';

const unitFiles = join(import.meta.dirname, '../../systemd-units');
const units = ['sysext-agent-boot.service', 'sysext-agent-confirm.service'];

/** A machine that boots as one does where the package is installed. */
async function machineWithUnits(systemd: SystemdVersion): Promise<Machine> {
  const machine = await bootMachine({ systemd });
  for (const unit of units) await machine.copyIn(join(unitFiles, unit), `/etc/systemd/system/${unit}`);
  await machine.shell(`
    ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/sysext-agent
    systemctl daemon-reload; systemctl enable --quiet ${units.join(' ')}`);
  return machine;
}

interface Status {
  readonly boot: { generation: number; confirmedAt: string | null; attempts: number; givenUp: number | null };
  readonly extensions: { name: string; merged: boolean; whyNot: string | null }[];
}

function acting(machine: Machine) {
  return {
    ok: async (...args: readonly string[]) => {
      const { exitCode, stdout, stderr } = await machine.agent(args);
      expect({ args, exitCode, stderr }).toMatchObject({ args, exitCode: 0 });
      return stdout;
    },
    status: async () => JSON.parse((await machine.agent(['status', '--json'])).stdout) as Status,
    seen: () => machine.shell('cd /usr/share; grep . {a,b,c,hurts,stay,up}/version 2>/dev/null || true'),
  };
}

describe.each([252, 262] as const)('a boot, at systemd %d', (systemd) => {
  let machine: Machine;
  let host: ReturnType<typeof acting>;
  let release: string;

  beforeAll(async () => {
    machine = await machineWithUnits(systemd);
    host = acting(machine);
    release = await machine.shell(`grep -E '^(ID|VERSION_ID)=' /etc/os-release`);
  });

  afterAll(async () => {
    await machine.stop();
  });

  const image = (name: string, version: string, text: string) =>
    erofsImage({ ...releaseOf(name, text), [`usr/share/${name}/version`]: `${version}\n` });
  const next = () => release.replace(/VERSION_ID=.*/, 'VERSION_ID=99');
  /** What the system says that it is: os-release is a link to /usr, of which this machine has its own copy. */
  const become = (text: string) =>
    machine.write('/srv/os-release', text).then(() => machine.shell('rm /etc/os-release; cp /srv/os-release /etc/'));

  test('merges before multi-user.target, and is confirmed after it', async () => {
    await putFiles(machine, '/srv/images', {
      'a.raw': extensionImage('a'),
      'up.raw': image('up', '1', release),
      'stay.raw': image('stay', '1', release),
      'new/up.raw': image('up', '2', next()),
    });
    await host.ok('install', ...['a', 'up', 'stay'].map((name) => `/srv/images/${name}.raw`));
    expect((await host.status()).boot).toMatchObject({ generation: 1, confirmedAt: null });

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nstay/version:1\nup/version:1\n');
    expect((await host.status()).boot).toMatchObject({ generation: 1, confirmedAt: expect.any(String), attempts: 0 });
    expect(await host.ok('history', '1')).toMatch(/^Confirmed: +a boot came up well on /m);
    const time = (property: string, unit: string) =>
      machine.shell(`systemctl show --value --property=${property} ${unit}`).then(Number);
    const times = [
      await time('ExecMainExitTimestampMonotonic', 'sysext-agent-boot.service'),
      await time('ExecMainStartTimestampMonotonic', 'systemd-sysext.service'),
      await time('ActiveEnterTimestampMonotonic', 'multi-user.target'),
      await time('ExecMainStartTimestampMonotonic', 'sysext-agent-confirm.service'),
    ];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(0);
  });

  test('that is over is not chosen for again', async () => {
    expect(await host.ok('boot')).toContain('This host has booted already: nothing was done.');
    expect((await host.status()).boot).toMatchObject({ attempts: 0 });
  });

  test('an update of the system is foretold, and an image for it waits in the store', async () => {
    await machine.write('/srv/next', next());
    const foretelling = ['check-os', '--os-release=/srv/next'];
    const leftOut = /^up +1? *-? +no: it is for VERSION_ID=.*, that system has VERSION_ID=99$/m;
    expect(await machine.agent(foretelling)).toMatchObject({ exitCode: 5, stdout: expect.stringMatching(leftOut) });

    expect(await machine.agent([...foretelling, '/srv/images/up.raw'])).toEqual(
      failure(5, 'up does not fit that system', 'Nothing was changed.'),
    );
    const { exitCode, stdout } = await machine.agent([...foretelling, '/srv/images/new/up.raw']);

    expect(exitCode).toBe(5);
    expect(stdout).toMatch(/^Prefetched up\n[^]*^stay .* no: it is for .*\nup .* yes, in the place of another$/m);
    await host.ok('gc', '--keep=1');
    expect(await host.seen()).toBe('a/version:1\nstay/version:1\nup/version:1\n');
  });

  test('of the updated system has what was prefetched for it, and names what is left out', async () => {
    await become(next());

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nup/version:2\n');
    expect(await machine.agent(['status'])).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(
        /^stay is not merged: it was left out: it is for VERSION_ID=.* has VERSION_ID=99$/m,
      ),
    });
    expect((await host.status()).boot).toMatchObject({ confirmedAt: expect.any(String), attempts: 0 });
    expect(await host.ok('history')).toMatch(/^\d+ .* boot +.*up/m);
    expect(await host.ok('apply')).toBe('Merged: a, up\n');
    expect(await machine.shell('ls /var/lib/extensions')).toBe('a.raw\nup.raw\n');
  });

  test('of the system before has again what was there', async () => {
    await become(release);

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nstay/version:1\nup/version:1\n');
    expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
  });
});

describe('a boot that does not come up well', () => {
  let machine: Machine;
  let host: ReturnType<typeof acting>;

  beforeAll(async () => {
    machine = await machineWithUnits(257);
    host = acting(machine);
    const spoils = { 'usr/lib/systemd/system/well.service.d/hurts.conf': '[Service]\nExecStart=\nExecStart=false\n' };
    await putFiles(machine, '/srv/images', {
      'a.raw': extensionImage('a'),
      'b.raw': extensionImage('b'),
      'c.raw': serviceImage('c'),
      'hurts.raw': erofsImage({
        ...releaseOf('hurts', 'ID=_any\nEXTENSION_RELOAD_MANAGER=1\n'),
        'usr/share/hurts/version': '1\n',
        ...spoils,
      }),
    });
    await machine.write(
      '/etc/systemd/system/well.service',
      '[Unit]\nBefore=boot-complete.target\n[Service]\nType=oneshot\nExecStart=true\n[Install]\nRequiredBy=boot-complete.target\n',
    );
    await machine.shell('systemctl daemon-reload; systemctl enable --quiet well.service');
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('is counted, and the fourth goes back to what came up well', async () => {
    await host.ok('install', '/srv/images/a.raw');
    await host.ok('install', '/srv/images/b.raw');
    await machine.reboot();
    expect((await host.status()).boot).toMatchObject({ generation: 2, confirmedAt: expect.any(String) });
    await host.ok('install', '/srv/images/hurts.raw');

    for (const attempts of [1, 2, 3]) {
      await machine.reboot();
      expect((await host.status()).boot).toMatchObject({ generation: 3, confirmedAt: null, attempts });
      expect(await host.seen()).toContain('hurts');
    }
    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nb/version:1\n');
    expect((await host.status()).boot).toMatchObject({ generation: 4, confirmedAt: expect.any(String), givenUp: 3 });
    const why = '3 boots with generation 3 did not come up well: back to generation 2';
    expect((await machine.agent(['status'])).stdout).toMatch(
      new RegExp(`^note: generation 3 was given up on .*: ${why}$`, 'm'),
    );
    expect(await host.ok('history', '4')).toMatch(new RegExp(`^Reason: +${why}$`, 'm'));
    expect(await host.ok('history')).toMatch(/^3 .* given-up /m);
  });

  test('is not gone back to, nor is its image installed again', async () => {
    expect(await machine.agent(['install', '/srv/images/hurts.raw'])).toEqual(
      failure(9, 'hurts was rolled back on ', 'generation 3 did not come up well', '--retry'),
    );
    expect(await machine.agent(['rollback', '3'])).toEqual(
      failure(9, 'generation 3 was given up', 'Nothing was changed.'),
    );

    await host.ok('rollback');
    expect(await host.seen()).toBe('a/version:1\n');
  });

  test('after a power cut puts back what was under way', async () => {
    await machine.write('/etc/sysext-agent/agent.yml', 'health: [{name: slow, command: [sleep, infinity]}]\n');
    const install = machine.agent(['install', '/srv/images/c.raw']);
    await waitFor('a health check that is under way', async () => {
      return (
        (await machine.run(['pgrep', '-f', 'sleep infinity'])).exitCode === 0 && (await host.seen()).includes('c/')
      );
    });
    expect(await machine.shell('cat /etc/c.conf')).toBe('version = 1\n');
    await machine.kill();
    await install.catch(() => undefined);
    await machine.shell('rm /etc/sysext-agent/agent.yml');

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\n');
    expect((await machine.run(['cat', '/etc/c.conf'])).exitCode).not.toBe(0);
    expect(await host.ok('history')).toMatch(/^\d+ .* install +.*interrupted +failed /m);
    await host.ok('apply');
    expect((await machine.run(['ls', '/var/lib/sysext-agent/settlement.json'])).exitCode).not.toBe(0);
    expect(await host.ok('apply', '--dry-run')).toBe('Merged: a\n');
  });
});
