import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { onceForAll } from '../lab/versions.ts';
import { installWatcher, watchedDuring } from './support/absence.ts';
import { erofsImage, extensionImage, putFiles, releaseOf, serviceImage } from './support/images.ts';
import { installStrace, strace } from './support/strace.ts';

const swap = '/srv/sysext-agent/dist/sysext-agent-swap';
const agent = '/srv/sysext-agent/bin/sysext-agent';
const extensions = '/var/lib/extensions';
const watched = '/usr/share/a/version';

/** Stands before systemd-sysext and, where it is told to, does as that does up to 255 when the overlay cannot be mounted. */
const failingTool = [
  '#!/bin/sh',
  'if [ "$1" != refresh ] || [ ! -e /run/overlay-fails ]; then exec /usr/bin/systemd-sysext "$@"; fi',
  '/usr/bin/systemd-sysext unmerge --no-pager',
  'echo "Failed to mount sysext (type overlay) on /usr: Invalid argument" >&2',
  '',
].join('\n');

/** An extension with a program that waits, and files, all of them other ones in each version. */
function napImage({ root }: Machine, version: string): Buffer {
  const program = Buffer.concat([readFileSync(join(root, 'usr/bin/sleep')), Buffer.from(version)]);
  return erofsImage({
    ...releaseOf('nap'),
    'usr/bin/nap': program,
    'usr/share/nap': version,
    'opt/nap/file': version,
  });
}

const uncompressed = ['-noI', '-noD', '-noF', '-noX'];

/** What ends a commit, and with which exit code: the same for every systemd. */
const allFaults = [
  ['move_mount:error=ENOSPC:when=1', 125],
  ['move_mount:signal=KILL:when=1', 137],
  ['umount2:signal=KILL:when=1', 137],
  ['umount2:signal=KILL:when=2', 137],
  ['rmdir:signal=KILL:when=1', 137],
] as const;

const noted = '/run/systemd/sysext/meta/usr/.systemd-sysext/dev';
const noSpace = `-f -P ${noted} -e trace=openat -e inject=openat:error=ENOSPC`;
const layers = [
  'mkdir -p /run/layers/{a,b,c,d,e} /run/layers/a/usr/lib/extension-release.d',
  'echo ID=_any >/run/layers/a/usr/lib/extension-release.d/extension-release.deep',
  'mount -t overlay -o lowerdir=/run/layers/a:/run/layers/b layers /run/layers/c',
  'mount -t overlay -o lowerdir=/run/layers/c:/run/layers/d layers /run/layers/e',
  `ln -s /run/layers/e ${extensions}/deep`,
].join('; ');

/** What keeps the overlay from being mounted: what brings it about, and how systemd-sysext is run; the same for every one. */
const allObstacles = [
  ['there are too many layers', layers, '/usr/bin/systemd-sysext refresh'],
  ['there is no space for what it notes', 'true', `${strace} ${noSpace} /usr/bin/systemd-sysext refresh`],
] as const;

/** From 259 on it can be told what the overlay is mounted with. */
const badOption = [
  [
    'an option is none of overlayfs',
    'true',
    '/usr/bin/env SYSTEMD_SYSEXT_OVERLAYFS_MOUNT_OPTIONS=nonsense /usr/bin/systemd-sysext refresh --always-refresh=yes',
  ],
] as const;

/** Puts `/usr` into a file system of its own; on the first one it is on the root file system. */
const imagesOfUsr = {
  252: undefined,
  257: { type: 'erofs', make: ['mkfs.erofs', '--quiet', 'IMAGE', 'USR'] },
  262: { type: 'squashfs', make: ['mksquashfs', 'USR', 'IMAGE', '-quiet', '-no-progress', ...uncompressed] },
} as const;

async function ownUsr(machine: Machine, { type, make }: NonNullable<(typeof imagesOfUsr)[257 | 262]>): Promise<void> {
  const [program, ...args] = make;
  const paths = new Map([
    ['IMAGE', `${machine.root}/srv/usr.img`],
    ['USR', `${machine.root}/usr`],
  ]);
  await execa(
    program,
    args.map((arg) => paths.get(arg) ?? arg),
  );
  await machine.shell(
    `mount -t ${type} -o loop,ro /srv/usr.img /usr; mount --make-private /usr; mount --make-shared /usr`,
  );
}

/** Something below /usr that is to stay whatever is merged. */
const mountKept = 'mount -t tmpfs kept /usr/local/kept; mkdir /usr/local/kept/in; echo kept >/usr/local/kept/file';

describe.each([
  [252, [], []],
  [257, allFaults, allObstacles],
  [262, [], badOption],
] as const)('a merge without a gap, at systemd %d', (systemd, faults, obstacles) => {
  let machine: Machine;
  let mounts: string;
  const testOnce = onceForAll(systemd);

  const shell = (script: string) => machine.shell(script, { timeoutMs: 120_000 });
  const version = async (path = watched) => (await shell(`cat ${path}`)).trim();
  const place = (name: string) => `cp /srv/${name}.raw ${extensions}/.#a; mv ${extensions}/.#a ${extensions}/a.raw`;
  /** What no file system shows that was there before. */
  const left = () =>
    shell('grep -vc " /run/sysext-agent/images/" /proc/self/mountinfo; ls -A /run/sysext-agent/prepared 2>&1 || true');
  const always = systemd >= 260 ? ' --always-refresh=yes' : '';

  async function fine(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }, stderr).toMatchObject({ args, exitCode: 0 });
    return `${stdout}${stderr}`;
  }

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await installWatcher(machine);
    await installStrace(machine);
    const program = { 'usr/bin/systemctl': 'not a program any more\n' };
    const [bare, more] = [{ pulled: 'not' }, { 'opt/c/file': 'c\n' }] as const;
    await putFiles(machine, '/srv', {
      'a1.raw': extensionImage('a', '1'),
      'a2.raw': extensionImage('a', '2'),
      'b.raw': erofsImage({ ...releaseOf('b'), 'opt/b/file': 'b\n' }),
      'c1/c.raw': serviceImage('c', { ...bare, service: ['Colour=red'], more }),
      'c2/c.raw': serviceImage('c', { ...bare, version: '2', more }),
      'c3/c.raw': serviceImage('c', { ...bare, version: '3', service: ['ExecStart='], more }),
      'nap1.raw': napImage(machine, '1'),
      'nap2.raw': napImage(machine, '2'),
      'breaks.raw': erofsImage({ ...releaseOf('breaks'), ...program }),
    });
    await machine.write('/usr/local/sbin/systemd-sysext', failingTool, '0755');
    await shell(`mkdir -p ${extensions} /usr/local/kept; rm -rf /opt`);
    // As on hosts where only /var can be written to.
    if (systemd === 257) await shell('mkdir -p /var/opt; ln -s var/opt /opt');
    const own = imagesOfUsr[systemd];
    if (own !== undefined) await ownUsr(machine, own);
    await shell(mountKept);
    mounts = (await left()).split('\n', 1).join('');
  });

  // systemd-sysext of 252 loses what is mounted below /usr.
  beforeEach(async () => {
    await shell(`test -e /usr/local/kept/file || { ${mountKept}; }`);
  });
  afterAll(async () => {
    await machine.stop();
  });

  test('the first one, and what it says of itself', async () => {
    await shell(place('a1'));
    await fine('refresh');

    expect(await version()).toBe('1');
    expect(await version('/usr/local/kept/file')).toBe('kept');
    expect((await machine.agent(['doctor'])).stdout).toMatch(/driver: atomic, without a gap: Linux/);
    expect(await fine('history', '1')).toContain('without a gap (atomic)');
  });

  test('nothing is absent in twenty swaps, and a service sees each; with the bare tool something is', async () => {
    await shell('systemd-run --quiet --unit=looks -p ProtectSystem=strict -p PrivateTmp=yes sleep infinity');
    const exchange =
      'cp /srv/a$((i % 2 + 1)).raw /var/lib/extensions/a.new; mv /var/lib/extensions/a.new /var/lib/extensions/a.raw';
    const swapping = `${swap} prepare /usr/bin/systemd-sysext refresh; ${swap} commit`;
    const kept = watchedDuring(machine, '/usr/local/kept/file', 'sleep 1');
    const swapped = await watchedDuring(
      machine,
      watched,
      `for i in $(seq 20); do ${exchange}; ${swapping}; done; i=0; ${exchange}; ${agent} refresh`,
    );
    const bare = await watchedDuring(
      machine,
      watched,
      `for i in $(seq 10); do ${exchange}; systemd-sysext refresh; done`,
    );

    expect({ ...swapped, enough: swapped.polls > 10_000 }).toMatchObject({ absences: 0, enough: true });
    expect(await kept).toMatchObject({ absences: 0 });
    expect(bare.absences).toBeGreaterThan(0);
    await shell(`${place('a1')}; ${swapping}`);
    const pid = (await shell('systemctl show --property=MainPID --value looks')).trim();
    expect(await shell(`nsenter --target=${pid} --mount cat ${watched}`)).toBe('1\n');
    await shell('systemctl stop looks');
  });

  test('an overlay that cannot be mounted leaves everything as it was', async () => {
    await shell(`touch /run/overlay-fails; ${place('a2')}`);
    const before = await left();
    const seen = await watchedDuring(machine, watched, `! ${agent} refresh --always-refresh`);
    const { exitCode, stderr } = await machine.agent(['refresh', '--always-refresh']);

    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not merged: a') });
    expect(stderr).toContain('Merged now: a.');
    expect([seen.absences, await version(), await left()]).toEqual([0, '1', before]);
    await shell('rm /run/overlay-fails');
  });

  test.each<readonly [string, string, string]>(obstacles)(
    'where %s the bare tool leaves nothing merged, and this one all',
    async (_, prepare, refresh) => {
      await shell(`${prepare}; ${place('a2')}`);
      const before = await left();
      const seen = await watchedDuring(machine, watched, `! ${swap} prepare ${refresh}`);
      expect([seen.absences, await version(), await left()]).toEqual([0, '1', before]);

      expect((await machine.run(['sh', '-c', refresh])).exitCode).not.toBe(0);
      expect((await machine.run(['ls', watched])).exitCode).not.toBe(0);
      await shell(
        `rm -f ${extensions}/deep; umount /run/layers/e /run/layers/c || true; ${place('a1')}; ${agent} refresh`,
      );
      expect(await version()).toBe('1');
    },
  );

  testOnce('what would keep the host from working is not merged', async () => {
    await shell(`cp /srv/breaks.raw ${extensions}/breaks.raw`);
    const { exitCode, stderr } = await machine.agent(['refresh', '--always-refresh']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('/usr/bin/systemctl is no program');
    expect([await version(), await shell('systemctl --version >/dev/null; echo works')]).toEqual(['1', 'works\n']);
    await shell(`rm ${extensions}/breaks.raw`);
  });

  // It has the bare tool merge as well, which loses a mount at 252.
  (systemd === 252 ? test.skip : testOnce)(
    'what a check or a unit file tells of the prepared tree keeps it from being merged',
    async () => {
      const check = 'test "$(cat /usr/share/c/version)" = 1; test -e /usr/local/kept/file; cd /opt/c';
      await machine.write(
        '/etc/sysext-agent/agent.yml',
        `extensions: {c: {health: [{prepare: [sh, -ec, '${check}']}]}}\n`,
      );
      expect(await fine('install', '/srv/c1/c.raw')).toMatch(
        /systemd-analyze verify: (\/usr)?\/lib\/systemd\/system\/c\.service:5: Unknown key 'Colour'/,
      );
      const [last] = (JSON.parse(await fine('history', '--limit=1', '--json')) as { operations: { id: number }[] })
        .operations;
      expect(await fine('history', String(last?.id))).toMatch(/the health check sh -ec .* was well/);
      const before = await left();

      for (const [driver, failure] of [
        ['atomic', 'failed with exit code 1 in the prepared tree, which nobody saw'],
        ['refresh', 'failed with exit code 1'],
      ] as const) {
        await machine.write('/etc/sysext-agent/agent.d/driver.yml', `merge: {driver: ${driver}}\n`);
        const { exitCode, stderr } = await machine.agent(['install', '--retry', '/srv/c2/c.raw']);
        expect({ exitCode, stderr }).toMatchObject({ exitCode: 9, stderr: expect.stringContaining(`${failure}\n`) });
        expect([await version('/usr/share/c/version'), await left()]).toEqual(['1', before]);
      }

      await shell('rm -r /etc/sysext-agent');
      const seen = watchedDuring(machine, '/usr/share/c/version', 'while test ! -e /run/watched; do sleep 0.1; done');
      expect(await machine.agent(['install', '/srv/c3/c.raw'])).toMatchObject({
        exitCode: 9,
        stderr: expect.stringMatching(/the unit c\.service cannot be loaded\n.*no ExecStart/),
      });
      await shell('touch /run/watched');
      expect([await seen, await left()]).toMatchObject([{ absences: 0 }, before]);
      await fine('remove', 'c');
    },
  );

  testOnce('which processes have files of before is told, however they came by them', async () => {
    await shell(
      [
        place('a1'),
        `cp /srv/nap1.raw ${extensions}/nap.raw; ${agent} refresh`,
        'systemd-run --quiet --unit=naps nap infinity',
        "systemd-run --quiet --unit=opens -p ProtectSystem=strict sh -c 'exec 5</opt/nap/file; exec sleep infinity'",
        "systemd-run --quiet --unit=alone unshare --mount --propagation=private sh -c 'exec 5</usr/share/nap; exec sleep 99'",
        'systemd-run --quiet --unit=same sleep infinity',
        'until test "$(pgrep -c \'^(nap|sleep)$\')" = 4; do sleep 0.1; done',
      ].join('\n'),
    );
    const told = async () => (await machine.agent(['status', '--processes'])).stdout;
    expect(await told()).toContain('No process has a file of before that is another one now.');

    await shell(`cp /srv/nap2.raw ${extensions}/.#nap; mv ${extensions}/.#nap ${extensions}/nap.raw; ${agent} refresh`);
    const after = await told();
    expect(after).toMatch(/^naps\.service +\d+ +nap +\/usr\/bin\/nap \(program\)$/m);
    expect(after).toMatch(/^opens\.service +\d+ +sleep +\/opt\/nap\/file \(open\)$/m);
    expect(after).toMatch(/^alone\.service +\d+ +sleep +\/usr\/share\/nap \(open\)$/m);
    expect(after).toContain('systemctl restart alone.service naps.service opens.service\n');
    expect(after).toMatch(/^note: 1 process has only files of before that are the same now$/m);
    await shell(`systemctl stop naps opens alone same; rm ${extensions}/nap.raw; ${agent} refresh`);
    expect(await told()).toContain('No process has');
  });

  test.each(faults)('a commit that ends with %s is ended or undone by the next operation', async (fault, code) => {
    await shell(`${place('a2')}; ${swap} prepare /usr/bin/systemd-sysext refresh${always}`);
    const committing = `${strace} -e inject=${fault} ${swap} commit`;
    const seen = await watchedDuring(machine, watched, `${committing} || test $? = ${code}`);
    expect(seen.absences).toBe(0);
    expect(['1', '2']).toContain(await version());

    await shell(place('a1'));
    expect(await watchedDuring(machine, watched, `${agent} refresh --always-refresh`)).toMatchObject({ absences: 0 });
    expect(await version()).toBe('1');
    const overlays =
      'grep -c " /usr .* overlay sysext " /proc/self/mountinfo; ls -d /run/sysext-agent/{prepared,committed} || true';
    expect(await shell(overlays)).toBe('1\n');
  });

  test.runIf(faults.length > 0)('one that is killed as it clears away has taken all of them', async () => {
    await shell(`${place('a1')}; cp /srv/b.raw ${extensions}/b.raw`);
    const swapping = [
      'for fault in rename:when=1 umount2:when={1..5} rmdir:when={1..3}; do',
      `${swap} prepare /usr/bin/systemd-sysext refresh${always}`,
      `${strace} -e inject=$fault:signal=KILL ${swap} commit || test $? = 137`,
      `${swap} settle; cat /opt/b/file /usr/share/a/version; done`,
    ];
    expect(await watchedDuring(machine, watched, swapping.join('\n'), 120_000)).toMatchObject({ absences: 0 });
    expect(await left()).toContain('No such file');
    await shell(`rm ${extensions}/b.raw`);
    await fine('refresh');
    expect((await machine.run(['ls', '/opt/b'])).exitCode).not.toBe(0);
  });

  test.runIf(faults.length > 0)('one that was killed and cannot be ended stands in the way of nothing', async () => {
    await shell(`${place('a1')}; cp /srv/b.raw ${extensions}/b.raw; ${agent} refresh; ${place('a2')}`);
    const prepare = `${swap} prepare /usr/bin/systemd-sysext refresh${always}`;
    // After what is mounted below /usr, and /usr itself.
    const killed = `${strace} -e inject=move_mount:signal=KILL:when=3 ${swap} commit || test $? = 137`;
    const seen = await watchedDuring(machine, '/opt/b/file', `${prepare}; ${killed}`);
    const settling = `${strace} -f -e inject=move_mount:error=ENOMEM:when=1 ${swap} settle`;
    expect(await shell(`${settling} 2>&1`)).toContain('mounting beneath /opt: Cannot allocate memory\n');
    expect([seen.absences, await version(), (await left()).split('\n')[1]]).toEqual([
      0,
      '1',
      expect.stringContaining('No such file'),
    ]);

    await shell(`rm ${extensions}/b.raw`);
    expect(await watchedDuring(machine, watched, `${agent} refresh`)).toMatchObject({ absences: 0 });
    expect(await version()).toBe('2');
    await shell(`${place('a1')}; ${agent} refresh`);
  });

  test('killed while systemd-sysext runs it has changed nothing, and nothing is left', async () => {
    await shell(place('a2'));
    const before = await left();
    const preparing = `${strace} -e inject=setns:signal=KILL:when=1 ${swap} prepare /usr/bin/systemd-sysext refresh${always}`;
    expect((await machine.run(['sh', '-c', preparing])).exitCode).toBe(137);

    expect([await version(), await left()]).toEqual(['1', before]);
  });

  test('a hierarchy that is not there comes; the tool of systemd takes over, and all goes', async () => {
    await shell(`${place('a1')}; cp /srv/b.raw ${extensions}/b.raw`);
    await fine('refresh');
    expect(await version('/opt/b/file')).toBe('b');
    expect(await shell('systemd-sysext status; systemd-sysext list')).toMatch(/\/opt +a .*\n +b .*\n\/usr +a /);

    await shell(`systemd-sysext refresh${always}`);
    expect(await version()).toBe('1');
    await fine('refresh', '--always-refresh');
    await shell(`rm ${extensions}/b.raw`);
    await fine('refresh');
    expect((await machine.run(['ls', '/opt/b'])).exitCode).not.toBe(0);
    await shell(`test -e /usr/local/kept/file || { ${mountKept}; }`);
    await shell('mount -t tmpfs in /usr/local/kept/in; echo nested >/usr/local/kept/in/file');
    await fine('unmerge');
    expect((await machine.run(['ls', watched])).exitCode).not.toBe(0);
    expect(await version('/usr/local/kept/in/file')).toBe('nested');
    await shell('umount /usr/local/kept/in');
    expect((await left()).split('\n', 1)).toEqual([mounts]);
    expect(await version('/usr/local/kept/file')).toBe('kept');
  });

  testOnce('the configuration can have systemd-sysext do it alone, and that is told', async () => {
    await machine.write('/etc/sysext-agent/agent.yml', 'merge: {driver: refresh}\n');
    await fine('refresh');

    expect((await machine.agent(['status'])).stdout).toContain(
      'a merge leaves a gap here (driver refresh): merge.driver',
    );
    await shell('rm /etc/sysext-agent/agent.yml; systemd-sysext unmerge');
  });
});

test('sysext-agent-swap takes nothing but its verbs', async () => {
  await using machine = await bootMachine({ systemd: 262 });
  for (const args of [[], ['prepare'], ['prepare', 'systemd-sysext'], ['commit', 'x'], ['merge'], ['--help']]) {
    expect(await machine.run([swap, ...args])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('usage:'),
    });
  }
  expect(await machine.run([swap, 'commit'])).toMatchObject({
    exitCode: 125,
    stderr: expect.stringMatching(/No such file/),
  });
  expect(await machine.run([swap, 'settle'])).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await machine.run([swap, 'prepare', '/bin/false'])).toMatchObject({ exitCode: 1 });
  expect(await machine.run([swap, 'prepare', '/nonexistent'])).toMatchObject({ exitCode: 125 });
});
