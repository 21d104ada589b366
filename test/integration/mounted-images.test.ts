import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { installWatcher, watchedDuring } from './support/absence.ts';
import { extensionImage, putFiles } from './support/images.ts';
import { installStrace, strace } from './support/strace.ts';

const [swap, images] = ['swap', 'images'].map((name) => `/srv/sysext-agent/dist/sysext-agent-${name}`);
const agent = '/srv/sysext-agent/bin/sysext-agent';

/** What kills a program on its way to a merge that finds an image mounted: the same for every systemd. */
const allFaults = [
  ['mount', 'mount:signal=KILL:when=1'],
  ['offer', 'mount:signal=KILL:when=2'],
  ['offer', 'symlink:signal=KILL:when=1'],
] as const;

describe.each([
  [252, []],
  [257, allFaults],
  [262, []],
] as const)('images that are mounted once, at systemd %d', (systemd, faults) => {
  let machine: Machine;

  const shell = (script: string) => machine.shell(script, { timeoutMs: 120_000 });
  const versions = () => shell('cat /usr/share/m/version /usr/share/n/version /usr/share/f/version');
  const status = () => shell('systemd-sysext status');
  /** What is mounted, one line each: the sha256 and its loop device. */
  const mounted = async () => {
    const lines = await shell(
      `sed -n 's|.* /run/sysext-agent/images/\\(.*\\) ro,nodev,.* - erofs \\(.*\\) ro.*|\\1 \\2|p' /proc/1/mountinfo`,
    );
    return lines.trim().split('\n').filter(Boolean).sort();
  };
  const sha256Of = async (path: string) => (await shell(`sha256sum ${path}`)).slice(0, 64);

  async function fine(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }).toMatchObject({ args, exitCode: 0 });
    return `${stdout}${stderr}`;
  }

  async function nothingIsLeft(): Promise<void> {
    expect(await shell('ls -A /run/sysext-agent/images')).toBe('');
    expect(await mounted()).toEqual([]);
    // The last one to have files of an old tree open may be a process that is just ending.
    const loops = `cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -e ${(await stored()).join(' -e ')} || true`;
    await waitFor('no loop device', async () => (await shell(loops)) === '');
  }

  const stored = async () => (await shell('ls /var/lib/sysext-agent/images')).trim().split('\n');

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await installWatcher(machine);
    await installStrace(machine);
    // Other machines of this kernel have other images.
    const version = (number: number) => `${number} of ${systemd}`;
    await putFiles(machine, '/srv', {
      'm1/m.raw': extensionImage('m', version(1)),
      'm2/m.raw': extensionImage('m', version(2)),
      'n.raw': extensionImage('n', version(1)),
      'f.raw': extensionImage('f', version(1)),
    });
    const release = '/var/lib/extensions/d/usr/lib/extension-release.d';
    await shell(`
      mkdir -p ${release} /run/extensions/x
      echo ID=_any >${release}/extension-release.d; ln -s ../../../srv/f.raw /var/lib/extensions/f.raw
      cp /srv/f.raw /var/lib/extensions/x.raw`);
  });

  afterAll(async () => {
    await machine.stop();
  });

  test('only what changed is mounted anew, and everything else is found as it was', async () => {
    expect(await fine('install', '/srv/m1/m.raw', '/srv/n.raw')).toContain('Merged: d, f, m, n');
    const before = await mounted();
    expect(before).toHaveLength(2);
    expect(await shell('stat -c %a /run/sysext-agent/images')).toBe('700\n');

    const install = `${agent} install /srv/m2/m.raw`;
    expect(await watchedDuring(machine, '/usr/share/n/version', install)).toMatchObject({ absences: 0 });
    const after = await mounted();
    const [n, m] = await Promise.all(['/srv/n.raw', '/srv/m2/m.raw'].map(sha256Of));
    expect(after.filter((line) => before.includes(line))).toEqual([expect.stringContaining(n ?? '?')]);
    expect(after.filter((line) => !before.includes(line))).toEqual([expect.stringContaining(m ?? '?')]);
    expect(await versions()).toBe(`2 of ${systemd}\n1 of ${systemd}\n1 of ${systemd}\n`);
    const old = await sha256Of('/srv/m1/m.raw');
    await waitFor(
      'the loop device of the old image gone',
      async () => (await shell(`cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep ${old} || true`)) === '',
    );

    expect(await fine('refresh')).not.toContain(m);
    expect(await mounted()).toEqual(after);
    expect((await machine.agent(['doctor'])).stdout).toContain('; 2 images are mounted once');
    expect(JSON.parse((await machine.agent(['status', '--json'])).stdout)).toMatchObject({
      merged: [
        { name: 'd' },
        { name: 'f' },
        { name: 'm', sha256: m, current: true },
        { name: 'n', sha256: n, current: true },
      ],
    });
  });

  test('the tool of systemd finds plain files, and takes over; then nothing is mounted that nobody needs', async () => {
    expect(await shell('systemd-sysext list')).toMatch(/m +raw +\/var\/lib\/extensions\/m\.raw .*\nn +raw /);
    const merged = await status();
    expect(merged).toMatch(/\/usr +d .*\n +f .*\n +m .*\n +n /);
    await shell('systemd-sysext refresh');
    expect([named(await status()), await versions()]).toEqual([named(merged), expect.stringContaining('2 of')]);
    await fine('gc');
    await nothingIsLeft();

    await fine('refresh');
    expect(await mounted()).toHaveLength(2);
    await shell('systemd-sysext unmerge');
    expect((await machine.run(['ls', '/usr/share/m'])).exitCode).not.toBe(0);
    await fine('refresh');
    await fine('unmerge');
    await nothingIsLeft();
  });

  test.each(faults)(
    'killed as it is to %s, %s, nothing changed and the next operation clears it away',
    async (verb, fault) => {
      await fine('refresh');
      const [merged, before, mounts] = [await status(), await mounted(), await shell('grep -c . /proc/1/mountinfo')];
      const path = '/var/lib/sysext-agent/images/$(sha256sum /srv/m1/m.raw | cut -c-64).raw';
      const key = '$(sha256sum /srv/m1/m.raw | cut -c-64).1.1';
      await shell(`mkdir -p /var/lib/sysext-agent/images; cp /srv/m1/m.raw ${path}`);
      const command = {
        mount: `${images} mount erofs ${path} ${key} -- /bin/true`,
        offer: `${images} mount erofs ${path} ${key} -- ${swap} prepare ${images} offer m ${key} -- /bin/systemd-sysext refresh`,
      }[verb];
      const { exitCode } = await machine.run(['sh', '-c', `${strace} -f -e inject=${fault} ${command}`]);
      expect(exitCode).toBe(137);
      expect(await status()).toBe(merged);

      await fine('gc');
      expect([await mounted(), await shell('ls /run/sysext-agent/images | wc -l')]).toEqual([before, '2\n']);
      expect([await shell('grep -c . /proc/1/mountinfo'), await status()]).toEqual([mounts, merged]);
    },
  );

  test.runIf(systemd === 262)('the configuration can have every merge mount them', async () => {
    await fine('refresh');
    await machine.write('/etc/sysext-agent/agent.yml', 'merge: {mount_once: false}\n');
    await fine('refresh', '--always-refresh');
    await nothingIsLeft();
    const doctor = async () => (await machine.agent(['doctor'])).stdout;
    expect(await doctor()).toContain('; images are mounted at every merge, since merge.mount_once says so');
    await shell('rm /etc/sysext-agent/agent.yml; mkdir -p /etc/systemd');
    await machine.write('/etc/systemd/sysext.conf', '[SysExt]\nImagePolicy=root=signed+absent\n');
    expect(await doctor()).toContain('since /etc/systemd/sysext.conf has an ImagePolicy=');
    await shell('rm /etc/systemd/sysext.conf');
  });

  test('a boot merges the same, where this program does nothing', async () => {
    await fine('refresh');
    expect(await mounted()).toHaveLength(2);
    await shell('rm /var/lib/extensions/x.raw');
    await machine.reboot();
    await waitFor('the merge', async () => (await status()).includes(' n '));
    expect(await versions()).toBe(`2 of ${systemd}\n1 of ${systemd}\n1 of ${systemd}\n`);
    expect(await mounted()).toEqual([]);
  });

  test.runIf(systemd >= 256)('a soft reboot merges the same, and the tool of systemd goes on', async () => {
    await fine('refresh', '--always-refresh');
    const [merged, mounts] = [named(await status()), await mounted()];
    expect(mounts).toHaveLength(2);
    await machine.softReboot();
    expect([named(await status()), await versions()]).toEqual([merged, expect.stringContaining('2 of')]);

    // With all mounts but those of the system the checkout is gone, and this agent with it.
    expect(await mounted()).toEqual([]);
    await shell('systemd-sysext refresh');
    expect(named(await status())).toBe(merged);
    await shell('systemd-sysext unmerge; systemd-sysext merge');
    expect([named(await status()), await versions()]).toEqual([merged, expect.stringContaining('2 of')]);
    expect(await shell('systemd-sysext list')).toMatch(/m +raw +\/var\/lib\/extensions\/m\.raw /);
  });
});

/** A status without since when. */
function named(status: string): string {
  return status.replaceAll(/\w+ \d{4}-.*/g, '');
}

test('sysext-agent-images takes nothing but its verbs, and hides nothing from the host', async () => {
  await using machine = await bootMachine({ systemd: 262 });
  const usage = [
    [],
    ['mount'],
    ['mount', '--'],
    ['mount', 'erofs', '--', '/bin/true'],
    ['offer', 'a', '--', '/bin/true'],
    ['offer', '--', 'true'],
  ];
  for (const args of usage) {
    expect(await machine.run([images ?? '', ...args])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('usage:'),
    });
  }
  const run = (...args: readonly string[]) => machine.run([images ?? '', ...args]);
  expect(await run('offer', 'a', 'b', '--', '/bin/true')).toMatchObject({
    exitCode: 125,
    stderr: expect.stringContaining('hiding /var/lib/extensions from the host: Operation not permitted'),
  });
  expect(await run('mount', 'erofs', '/srv/none.raw', 'k', '--', '/bin/echo', 'goes on')).toMatchObject({
    exitCode: 0,
    stdout: 'goes on\n',
    stderr: expect.stringContaining('mounting /srv/none.raw once: No such file or directory'),
  });
  expect(await run('mount', 'erofs', '/srv/none.raw', '../k', '--', '/bin/true')).toMatchObject({ exitCode: 125 });
  expect(await run('keep')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await machine.shell('ls -A /run/sysext-agent/images')).toBe('');
});
