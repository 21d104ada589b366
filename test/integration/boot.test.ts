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

  beforeAll(async () => {
    machine = await machineWithUnits(systemd);
    host = acting(machine);
    await become(release);
  });

  afterAll(async () => {
    await machine.stop();
  });

  const image = (name: string, version: string, text: string) =>
    erofsImage({ ...releaseOf(name, text), [`usr/share/${name}/version`]: `${version}\n` });
  const [release, next] = ['ID=debian\nVERSION_ID=12\n', 'ID=debian\nVERSION_ID=13\n'];
  const become = async (text: string) => {
    await machine.shell('rm /etc/os-release');
    await machine.write('/etc/os-release', text);
  };

  test('merges before multi-user.target, and is confirmed after it', async () => {
    await putFiles(machine, '/srv/images', {
      'a.raw': extensionImage('a'),
      'up.raw': image('up', '1', release),
      'stay.raw': image('stay', '1', release),
      'new/up.raw': image('up', '2', next),
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
    await machine.write('/srv/next', next);
    const foretelling = ['check-os', '--os-release=/srv/next'];
    const leftOut = /^up +- +no: it is for VERSION_ID=12, that system has VERSION_ID=13$/m;
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
    await become(next);

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nup/version:2\n');
    expect(await machine.agent(['status'])).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(
        /^stay is not merged: it was left out: it is for VERSION_ID=12, this host has VERSION_ID=13$/m,
      ),
    });
    expect((await host.status()).boot).toMatchObject({ confirmedAt: expect.any(String), attempts: 0 });
    expect(await host.ok('history')).toMatch(/^\d+ .* boot +.*up/m);
    expect(await host.ok('apply')).toBe('Merged: a, up\n');
    expect(await machine.shell('ls /var/lib/extensions')).toBe('a.raw\nup.raw\n');
  });

  // What does not hang on the version of systemd, at one of them.
  if (systemd === 252) {
    test('goes on with the last set where the agent is broken', async () => {
      // What is merged keeps it from being replaced.
      await machine.powerOff();
      await machine.shell('rm /usr/bin/sysext-agent; ln -s false /usr/bin/sysext-agent');

      await machine.reboot();

      expect(await host.seen()).toBe('a/version:1\nup/version:2\n');
      expect(await machine.shell('systemctl list-units --failed --no-legend --plain')).toBe('');
    });
    return;
  }

  test('of the system before has again what was there', async () => {
    await become(release);

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nstay/version:1\nup/version:1\n');
    expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
  });

  test('that does not come up well is counted, and the fourth goes back to what did', async () => {
    await putFiles(machine, '/srv/images', { 'c.raw': serviceImage('c'), 'hurts.raw': hurtingImage() });
    await machine.write('/etc/systemd/system/well.service', wellUnit);
    await machine.shell('systemctl daemon-reload; systemctl enable --quiet well.service');
    const { generation: good } = (await host.status()).boot;
    await host.ok('remove', 'stay');
    await host.ok('install', '/srv/images/hurts.raw', '--allow=foreign-drop-in');
    const { generation: bad } = (await host.status()).boot;

    for (const attempts of [1, 3]) {
      // As the second left it, which would be no other boot than the first.
      if (attempts === 3) await machine.shell(`sed -i 's/"attempts":1/"attempts":2/' /var/lib/sysext-agent/boot.json`);
      await machine.reboot();
      expect((await host.status()).boot).toMatchObject({ generation: bad, confirmedAt: null, attempts });
      expect(await host.seen()).toContain('hurts');
    }
    const { stdout } = await machine.agent(['status']);
    expect(stdout).toContain(
      `note: 2 of the last boots with generation ${bad} were not confirmed, nor is this one yet`,
    );
    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nstay/version:1\nup/version:1\n');
    const { boot } = await host.status();
    expect(boot).toMatchObject({ confirmedAt: expect.any(String), givenUp: bad });
    const why = `3 boots with generation ${bad} did not come up well: back to generation ${good}`;
    const told = new RegExp(`^note: generation ${bad} was given up on .*: ${why}$`, 'm');
    expect((await machine.agent(['status'])).stdout).toMatch(told);
    expect(await host.ok('history', String(boot.generation))).toMatch(new RegExp(`^Reason: +${why}$`, 'm'));
    expect(await host.ok('history')).toMatch(new RegExp(`^${bad} .* given-up `, 'm'));
  });

  test('that did not is not gone back to, nor is its image installed again', async () => {
    const bad = (await host.status()).boot.givenUp;
    expect(await machine.agent(['install', '/srv/images/hurts.raw', '--allow=foreign-drop-in'])).toEqual(
      failure(9, 'hurts was rolled back on ', `generation ${bad} did not come up well`, '--retry'),
    );
    expect(await machine.agent(['rollback', String(bad)])).toEqual(
      failure(9, `generation ${bad} was given up`, 'Nothing was changed.'),
    );

    await host.ok('rollback');
    expect(await host.seen()).toBe('a/version:1\nup/version:1\n');
  });

  test('after a power cut puts back what was under way', async () => {
    await machine.write('/etc/sysext-agent/agent.yml', "health: [{name: slow, command: [sleep, '4321']}]\n");
    const install = machine.agent(['install', '/srv/images/c.raw']);
    await waitFor('a health check that is under way', async () => {
      return (await machine.run(['pgrep', '-f', '^sleep 4321'])).exitCode === 0 || undefined;
    });
    expect(await host.seen()).toContain('c/version');
    expect(await machine.read('/etc/c.conf')).toBe('version = 1\n');
    await machine.kill();
    await install.catch(() => undefined);
    await machine.shell('rm /etc/sysext-agent/agent.yml');

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nup/version:1\n');
    expect((await machine.run(['ls', '/etc/c.conf'])).exitCode).not.toBe(0);
    expect(await host.ok('history')).toMatch(/^\d+ .* install +.*interrupted +failed /m);
    await host.ok('apply');
    expect(await machine.shell('ls /var/lib/sysext-agent')).not.toContain('settlement');
    expect(await host.ok('apply', '--dry-run')).toBe('Merged: a, up\n');
  });

  test('goes back past a set of which an image is damaged in the store', async () => {
    await host.ok('install', '/srv/images/c.raw');
    await machine.reboot();
    expect((await host.status()).boot).toMatchObject({ confirmedAt: expect.any(String) });
    await host.ok('install', '/srv/images/hurts.raw', '--retry', '--allow=foreign-drop-in');
    await host.ok('remove', 'c');
    const { generation: bad } = (await host.status()).boot;
    await machine.shell(`
      image=$(sha256sum </srv/images/c.raw)
      printf damaged | dd status=none conv=notrunc seek=2000 bs=1 of="/var/lib/sysext-agent/images/\${image%% *}.raw"`);
    // As three boots leave it that did not come up well.
    const left = JSON.stringify({ bootId: 'another', generation: bad, attempts: 3 });
    await machine.write('/var/lib/sysext-agent/boot.json', left);

    await machine.reboot();

    expect(await host.seen()).toBe('a/version:1\nup/version:1\n');
    expect((await host.status()).boot).toMatchObject({ givenUp: bad });
    expect(await machine.shell('journalctl -b -u sysext-agent-boot.service')).toContain(
      'the image of c in the store is damaged: it is passed over',
    );
  });
});

/** Where this unit fails boot-complete.target is not reached. */
const wellUnit = `[Unit]
Before=boot-complete.target
[Service]
Type=oneshot
ExecStart=true
[Install]
RequiredBy=boot-complete.target
`;

function hurtingImage(): Buffer {
  return erofsImage({
    ...releaseOf('hurts', 'ID=_any\nEXTENSION_RELOAD_MANAGER=1\n'),
    'usr/share/hurts/version': '1\n',
    'usr/lib/systemd/system/well.service.d/hurts.conf': '[Service]\nExecStart=\nExecStart=false\n',
  });
}
