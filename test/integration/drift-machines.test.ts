import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { onceForAll } from '../lab/versions.ts';
import { erofsImage, extensionImage, putBytes, releaseOf } from './support/images.ts';

interface Status {
  readonly merged: readonly { readonly name: string; readonly known: string; readonly current: boolean | null }[];
  readonly drift: readonly { readonly kind: string; readonly subject: string; readonly remedy: string }[];
}

const place = '/var/lib/extensions';
const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** Before systemd says which images are merged, and since. */
describe.each([252, 262] as const)('drift at systemd %d', (systemd) => {
  const tellsOrigin = systemd >= 260;
  const testOnce = onceForAll(systemd);
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    for (const name of ['a', 'b']) await putBytes(machine, `/srv/${name}.raw`, extensionImage(name));
    await putBytes(machine, '/srv/2/a.raw', extensionImage('a', '2'));
    await ok('install', '/srv/a.raw', '/srv/b.raw');
  });

  afterAll(async () => {
    await machine.stop();
  });

  async function ok(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }).toMatchObject({ args, exitCode: 0 });
    return stdout;
  }

  /** What `status` ends with, and what it says as JSON. */
  async function status(as: readonly string[] = []): Promise<Status & { readonly exitCode: number }> {
    const program = '/srv/sysext-agent/bin/sysext-agent';
    const { exitCode, stdout, stderr } = await machine.run([...as, program, 'status', '--json=short']);
    expect(stderr).toBe('');
    return { exitCode, ...(JSON.parse(stdout) as Status) };
  }

  const seen = () => machine.shell('cd /usr/share; grep . {a,b}/version || true');

  test('there is none after an operation, and it is known which images are merged, to every user', async () => {
    const known = tellsOrigin ? 'origin' : 'record';
    const expected = { exitCode: 0, merged: ['a', 'b'].map((name) => ({ name, known, current: true })), drift: [] };

    expect(await status()).toMatchObject(expected);
    expect(await status(user)).toMatchObject(expected);
  });

  test('a merge by hand is seen, and apply makes it ours where nothing says what was merged', async () => {
    await machine.shell('systemd-sysext unmerge; systemd-sysext merge');

    expect(await status()).toMatchObject({
      exitCode: tellsOrigin ? 0 : 10,
      merged: [{ known: tellsOrigin ? 'origin' : 'unknown' }, {}],
      drift: [{ kind: 'merged-by-others', subject: '/usr', harmless: tellsOrigin }],
    });
    await ok(tellsOrigin ? 'refresh' : 'apply');
    expect(await status()).toMatchObject({ exitCode: 0, drift: [] });
  });

  test('an image that was taken out or replaced by another of ours comes back', async () => {
    await machine.shell(`rm ${place}/b.raw`);
    expect(await status()).toMatchObject({
      exitCode: 10,
      drift: [{ kind: 'entry-missing', subject: 'b', remedy: 'sysext-agent apply' }],
    });

    expect(await ok('plan')).toMatch(/^put b.raw into .*\nsystemd-sysext refresh: /m);
    await ok('apply');
    expect(await status()).toMatchObject({ exitCode: 0, drift: [] });
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
  });

  test('the same image as another file is not the one that is merged', async () => {
    await putBytes(machine, `${place}/x.raw`, extensionImage('x'));
    await ok('refresh');
    expect(await status()).toMatchObject({ exitCode: 0, drift: [{ kind: 'foreign', subject: 'x' }] });

    await putBytes(machine, `${place}/x.raw`, extensionImage('x', '2'));
    expect(await status()).toMatchObject({
      exitCode: 10,
      drift: [{ kind: 'other-image-merged', subject: 'x', remedy: 'sysext-agent apply' }, { kind: 'foreign' }],
    });

    expect(await ok('plan')).toContain('the image of x that is merged is not the one in place');
    await ok('apply');
    expect(await status()).toMatchObject({ exitCode: 0, drift: [{ kind: 'foreign' }] });
    await machine.shell(`rm ${place}/x.raw`);
    expect((await status()).drift).toMatchObject([{ kind: 'image-gone', subject: 'x' }]);
    await ok('refresh');
  });

  testOnce('a foreign file in place of an image is named and left alone', async () => {
    await machine.shell(`cp /srv/2/a.raw ${place}/new; mv ${place}/new ${place}/a.raw`);

    const { exitCode, drift } = await status();
    expect({ exitCode, drift }).toMatchObject({ exitCode: 10, drift: [{ kind: 'name-taken', subject: 'a' }] });
    await machine.shell(drift[0]!.remedy.replace('sysext-agent', '/srv/sysext-agent/bin/sysext-agent'));
    expect(await status()).toMatchObject({ exitCode: 0, drift: [] });
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
  });

  testOnce('an image that was written to is damaged, and its remedy brings it back', async () => {
    // In the last block, which the superblock does not answer for.
    await machine.shell(
      `printf x | dd of=${place}/b.raw bs=1 seek=$(($(stat -c %s ${place}/b.raw) - 1)) conv=notrunc status=none`,
    );

    const { exitCode, drift } = await status();
    expect({ exitCode, drift }).toMatchObject({ exitCode: 10, drift: [{ kind: 'damaged', subject: 'b' }] });
    await machine.shell(drift[0]!.remedy.replaceAll('sysext-agent', '/srv/sysext-agent/bin/sysext-agent'));
    expect(await status()).toMatchObject({ exitCode: 0, drift: [] });
  });

  test('what systemd merges at boot is known where systemd says it, and what does not fit any more is told', async () => {
    await machine.reboot();
    expect(await status()).toMatchObject({
      exitCode: 0,
      merged: [{ name: 'a', known: tellsOrigin ? 'origin' : 'unknown' }, { name: 'b' }],
      drift: [],
    });

    const release = await machine.shell(`grep -E '^(ID|VERSION_ID)=' /etc/os-release`);
    const files = { ...releaseOf('host', release), 'usr/share/host/version': '1\n' };
    await putBytes(machine, '/srv/host.raw', erofsImage(files));
    await ok('install', '/srv/host.raw');
    await machine.shell('rm /etc/os-release; echo ID=other >/etc/os-release');
    expect(await status()).toMatchObject({ exitCode: 10, drift: [{ kind: 'misfit-merged', subject: 'host' }] });
  });
});
