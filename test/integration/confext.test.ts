import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { describeAtVersions, onceForAll } from '../lab/versions.ts';
import { installWatcher, watchedDuring } from './support/absence.ts';
import { confextImage, extensionImage, putFiles, serviceImage } from './support/images.ts';
import { installStrace, strace } from './support/strace.ts';

const swap = '/srv/sysext-agent/dist/sysext-agent-swap --class=confext';
const agent = '/srv/sysext-agent/bin/sysext-agent';
const directory = '/var/lib/confexts';
const watched = '/etc/a.conf';

/** What is mounted below /etc on many hosts: a file, and a directory with something in it. */
const mountKept = [
  'echo kept >/run/kept; touch /etc/kept.conf; mount --bind /run/kept /etc/kept.conf',
  'mkdir -p /etc/kept; mount -t tmpfs kept /etc/kept; echo kept >/etc/kept/file',
].join('; ');

/** Stands before systemd-confext and, where it is told to, takes off what is merged and ends who asked for more. */
const killingTool = [
  '#!/bin/sh',
  'if [ ! -e /run/kills ]; then exec /usr/bin/systemd-confext "$@"; fi',
  'rm /run/kills; /usr/bin/systemd-confext unmerge --no-pager',
  'pkill -KILL -f "sysext-agent.* --class"',
  '',
].join('\n');

/** What systemd-sysupdate is told of an extension. */
const transfer = [
  '[Source]\nType=url-file\nPath=https://x.example.org/\nMatchPattern=x_@v.raw',
  '[Target]\nType=regular-file\nPath=/var/lib/extensions\nMatchPattern=x_@v.raw',
  '',
].join('\n');

const faults = [
  ['move_mount:signal=KILL:when=3', 137],
  ['umount2:signal=KILL:when=1', 137],
] as const;

describeAtVersions('configuration extensions at systemd %d', (systemd) => {
  let machine: Machine;
  const testOnce = onceForAll(systemd);

  const shell = (script: string) => machine.shell(script, { timeoutMs: 120_000 });
  const version = async (path = watched) => (await shell(`cat ${path}`)).trim();
  const place = (name: string) => `cp /srv/${name}.raw ${directory}/.#a; mv ${directory}/.#a ${directory}/a.raw`;
  const kept = () => shell('cat /etc/kept.conf /etc/kept/file');
  /** What no file system shows that was there before. */
  const left = () =>
    shell('grep -c "" /proc/self/mountinfo; ls -A /run/sysext-agent | grep -e prepared -e committed || true');
  const overlays = () => shell('grep -c " /etc .* overlay confext " /proc/self/mountinfo || true');
  const always = systemd >= 260 ? ' --always-refresh=yes' : '';

  async function fine(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.agent(args);
    expect({ args, exitCode, stderr }, stderr).toMatchObject({ args, exitCode: 0 });
    return `${stdout}${stderr}`;
  }

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    if (systemd < 254) return;
    await installWatcher(machine);
    await installStrace(machine);
    const unit = { 'etc/systemd/system/of-a.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n' };
    const program = { 'etc/a/bin/program': '#!/bin/sh\n' };
    await putFiles(machine, '/srv', {
      'a1.raw': confextImage('a', '1', program),
      'a2.raw': confextImage('a', '2', program),
      'reloads.raw': confextImage('reloads', '1', unit, 'ID=_any\nEXTENSION_RELOAD_MANAGER=1\n'),
      'os.raw': confextImage('os', '1', { 'etc/os-release': 'ID=strange\n' }),
      'debian.raw': confextImage('debian', '1', {}, 'ID=debian\n'),
      'other.raw': confextImage('other', '1', {}, 'ID=another\n'),
      's.raw': extensionImage('s'),
      'c.raw': serviceImage('c', { pulled: 'not' }),
    });
    await shell(`mkdir -p ${directory} /var/lib/extensions; ${mountKept}`);
  });
  afterAll(async () => {
    await machine.stop();
  });

  if (systemd < 254) {
    test('a systemd that has none says so, and nothing is done', async () => {
      expect(await machine.agent(['refresh', '--class=confext'])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/this host has no systemd-confext\n(.*\n)*systemd 254 or later brings it/),
      });
      expect(await machine.agent(['refresh', '--class=portable'])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('--class takes sysext or confext, not portable'),
      });
      expect(await fine('history')).toContain('Nothing was done yet.');
      expect(JSON.parse(await fine('list', '--json'))).toMatchObject({ extensions: [], confexts: [] });
    });
    return;
  }

  test('the first merge, what is told of it, and how it is mounted', async () => {
    expect(await fine('status')).not.toContain('/etc');
    await shell(`${place('a1')}; cp /srv/other.raw ${directory}/other.raw`);
    expect(await fine('merge', '--class=confext', '--dry-run')).toContain('would: systemd-confext merge');
    expect(await fine('merge', '--class=confext', '--reason=trial')).toContain('Merged: a\n');

    expect([await version(), await kept()]).toEqual(['1', 'kept\nkept\n']);
    expect(await shell('grep " /etc .* overlay confext " /proc/self/mountinfo')).toMatch(
      / \/etc (?=\S*ro)(?=\S*nosuid)(?=\S*nodev)(?=\S*noexec)/,
    );
    expect((await machine.run(['/etc/a/bin/program'])).exitCode).not.toBe(0);
    const status = await machine.agent(['status']);
    expect(status).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(/^\/etc +a +\w+ \d{4}-/m) });
    expect(status.stdout).toContain('The confext other is not merged: it is for ID=another, this host is ID=debian');
    expect(await fine('list')).toMatch(/^NAME +CLASS .*\na +confext .*yes\nother +confext .*no: it is for ID=another/);
    expect(await fine('history')).toMatch(/ merge \(confext\) +a +done /);
    expect(await fine('history', '1')).toMatch(
      /systemd-confext merge, since it was asked for: .*\n.*without a gap \(atomic\)/,
    );
    expect(await fine('explain', 'a')).toMatch(
      /^The confext a is merged into \/etc since .* systemd-confext finds it at \/var\/lib\/confexts\/a\.raw\./,
    );
    expect(await machine.agent(['doctor'])).toMatchObject({
      stdout: expect.stringMatching(/confexts: atomic, without a gap/),
    });
    await shell(`rm ${directory}/other.raw`);
  });

  test('nothing is absent in swaps, and a service sees each; with the bare tool something is', async () => {
    await shell('systemd-run --quiet --unit=looks -p ProtectSystem=strict -p ReadWritePaths=/etc sleep infinity');
    const exchange = `cp /srv/a$((i % 2 + 1)).raw ${directory}/.#a; mv ${directory}/.#a ${directory}/a.raw`;
    const swapping = `${swap} prepare /usr/bin/systemd-confext refresh; ${swap} commit`;
    const swaps = `for i in $(seq 8); do ${exchange}; ${swapping}; done; i=0; ${exchange}; ${agent} refresh --class=confext`;
    const swapped = await watchedDuring(machine, watched, swaps);
    const below = await watchedDuring(machine, '/etc/kept/file', `for i in 1 2; do ${exchange}; ${swapping}; done`);
    // The bare tool of 254 hides what is mounted below /etc.
    expect(await kept()).toBe('kept\nkept\n');
    const bare = await watchedDuring(
      machine,
      watched,
      `for i in $(seq 8); do ${exchange}; systemd-confext refresh; done`,
    );

    expect({ ...swapped, enough: swapped.polls > 10_000 }).toMatchObject({ absences: 0, enough: true });
    expect(below).toMatchObject({ absences: 0 });
    expect(bare.absences).toBeGreaterThan(0);
    await shell(`${place('a2')}; ${swapping}`);
    const pid = (await shell('systemctl show --property=MainPID --value looks')).trim();
    expect(await shell(`nsenter --target=${pid} --mount cat ${watched}`)).toBe('2\n');
    await shell('systemctl stop looks');
  });

  test('neither class changes what is merged of the other', async () => {
    const [etc, usr] = ['stat -c %d /etc', 'stat -c %d /usr'];
    await shell(`cp /srv/s.raw /var/lib/extensions/s.raw; ${place('a1')}; ${agent} refresh --class=confext`);
    const merged = await shell(etc);
    await fine('refresh', '--always-refresh');
    expect([await shell(etc), await version('/usr/share/s/version')]).toEqual([merged, '1']);

    const mergedUsr = await shell(usr);
    await shell(place('a2'));
    await fine('refresh', '--class=confext');
    expect([await shell(usr), await version()]).toEqual([mergedUsr, '2']);
    await fine('unmerge');
    expect([await version(), (await machine.run(['ls', '/usr/share/s'])).exitCode]).toEqual(['2', 2]);
    await fine('refresh');
    await fine('unmerge', '--class=confext');
    expect([await version('/usr/share/s/version'), await overlays()]).toEqual(['1', '0\n']);
    expect(await kept()).toBe('kept\nkept\n');
    await shell(`rm /var/lib/extensions/s.raw; ${agent} refresh`);
  });

  test('one that would stop the merge is named, and nothing is touched', async () => {
    await shell(
      `${place('a1')}; ${agent} refresh --class=confext; ${place('a2')}; echo nonsense >${directory}/bad.raw`,
    );
    const before = await left();
    const { exitCode, stderr } = await machine.agent(['refresh', '--class=confext']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`systemd-confext refresh would fail over ${directory}/bad.raw`),
    });
    expect(stderr).toContain(`Nothing was changed.\nTake it out of the way, for example: mv ${directory}/bad.raw`);
    expect([await version(), await left()]).toEqual(['1', before]);
    expect((await machine.agent(['status'])).stdout).toMatch(/^The confext bad is not merged: .*to take it out: mv/m);

    await shell(`rm ${directory}/bad.raw`);
    await fine('refresh', '--class=confext');
    expect(await version()).toBe('2');
  });

  test('what has to write to /etc is refused, with what it is read-only for', async () => {
    const before = await left();
    const { exitCode, stderr } = await machine.agent(['install', '/srv/c.raw']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(
        '/etc is read-only, since the confext a is merged, and this has to write there\n',
      ),
    });
    expect(stderr).toMatch(/systemd-tmpfiles --create .*\n(.*\n)*Nothing was changed\.\nHave confexts merged so that/);
    expect([await left(), (await machine.run(['ls', '/usr/share/c'])).exitCode]).toEqual([before, 2]);

    await machine.write('/run/sysupdate.x.d/x.conf', transfer);
    const migrated = await machine.agent(['migrate', '--output=/etc/sysext-agent/extensions.d']);
    expect(migrated).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /read-only\n +\/etc is read-only, since the confext a is merged\nHave confexts merged/,
      ),
    });
  });

  test.runIf(systemd >= 256)('where /etc can be written to that goes, and with a gap', async () => {
    const mutable = '/var/lib/extensions.mutable';
    await shell(`mkdir ${mutable}; mount -t tmpfs mutable ${mutable}; mkdir -m 0755 ${mutable}/etc`);
    await shell('systemd-confext unmerge; SYSTEMD_CONFEXT_MUTABLE_MODE=auto systemd-confext merge');
    expect((await machine.agent(['status'])).stdout).toContain(
      'note: a merge of confexts leaves a gap here (driver refresh): what is merged can be written to: /var/lib/extensions.mutable/etc\n',
    );
    expect(await fine('install', '--dry-run', '/srv/c.raw')).toContain('would: systemd-tmpfiles --create');
    await shell(`systemd-confext unmerge; umount ${mutable}; rmdir ${mutable}`);
    await fine('refresh', '--class=confext');
  });

  test('units that one brings are known once it is merged', async () => {
    await shell(`cp /srv/reloads.raw ${directory}/reloads.raw`);
    await fine('refresh', '--class=confext');
    const reload = systemd < 255 ? 'systemctl daemon-reload; ' : '';
    await shell(`${reload}systemctl start of-a.service; rm ${directory}/reloads.raw`);
    await fine('refresh', '--class=confext');
  });

  test.each(faults)(
    'a commit that ends with %s is ended or undone by an operation of the other class',
    async (fault, code) => {
      await shell(`${place('a1')}; ${agent} refresh --class=confext; ${place('a2')}`);
      await shell(`${swap} prepare /usr/bin/systemd-confext refresh${always}`);
      const committing = `${strace} -e inject=${fault} ${swap} commit`;
      expect((await watchedDuring(machine, watched, `${committing} || test $? = ${code}`)).absences).toBe(0);
      expect(['1', '2']).toContain(await version());

      expect(await watchedDuring(machine, watched, `${agent} refresh`)).toMatchObject({ absences: 0 });
      expect(['1', '2']).toContain(await version());
      expect([await overlays(), await kept()]).toEqual(['1\n', 'kept\nkept\n']);
      expect((await left()).split('\n')[1]).toBe('');
    },
  );

  testOnce('one that brings another os-release decides what fits, as it does for systemd', async () => {
    await shell(`cp /srv/os.raw ${directory}/os.raw; cp /srv/debian.raw ${directory}/debian.raw`);
    expect(await fine('refresh', '--class=confext')).toContain('Merged: a, debian, os\n');
    expect(await fine('refresh', '--class=confext', '--always-refresh')).toContain('Merged: a, os\n');
    expect((await machine.agent(['list'])).stdout).toMatch(
      /^debian .* no: it is for ID=debian, this host is ID=strange$/m,
    );
    await shell(`rm ${directory}/os.raw ${directory}/debian.raw`);
    await fine('refresh', '--class=confext');
  });

  testOnce('what an operation that was killed left unmerged the next one merges again', async () => {
    await machine.write('/usr/local/sbin/systemd-confext', killingTool, '0755');
    await machine.write('/run/sysext-agent/agent.yml', 'merge: {driver: refresh}\n');
    await shell(`${place('a1')}; ${agent} refresh --class=confext; touch /run/kills`);
    expect((await machine.agent(['refresh', '--class=confext', '--always-refresh'])).exitCode).not.toBe(0);
    expect([await overlays(), (await machine.run(['ls', '/run/kills'])).exitCode]).toEqual(['0\n', 2]);

    await fine('refresh');
    expect([await version(), await overlays()]).toEqual(['1', '1\n']);
    expect(await fine('history')).toMatch(/ refresh \(confext\) +- +interrupted /);
    await shell('touch /run/kills');
    expect((await machine.agent(['unmerge', '--class=confext'])).exitCode).not.toBe(0);
    await fine('refresh');
    expect(await overlays()).toBe('0\n');
    await shell('rm /usr/local/sbin/systemd-confext /run/sysext-agent/agent.yml');
  });

  test('the tool of systemd treats what is merged as its own, and all goes', async () => {
    await shell(`${place('a1')}; ${agent} refresh --class=confext`);
    expect(await shell('systemd-confext status; systemd-confext list')).toMatch(/\/etc +a .*\n[^]*^a +raw +/m);
    await shell(`${place('a2')}; systemd-confext refresh`);
    expect(await version()).toBe('2');
    await fine('refresh', '--class=confext');
    await shell('systemd-confext unmerge');
    expect([await overlays(), (await machine.run(['ls', watched])).exitCode]).toEqual(['0\n', 2]);
    await fine('merge', '--class=confext');
    await fine('unmerge', '--class=confext');
    expect(await overlays()).toBe('0\n');
    await shell('systemd-sysext unmerge');
    expect((await left()).split('\n')[1]).toBe('');
  });
});
