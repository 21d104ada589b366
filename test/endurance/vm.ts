import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { execa } from 'execa';

import { erofsImage, extensionImage, releaseOf } from '../integration/support/images.ts';
import { labCache } from '../lab/cache.ts';
import { ensureRootfs } from '../lab/rootfs.ts';
import { bootVm, cloudKernel, makeBootable, type Vm, type VmDisks } from '../lab/vm.ts';

/**
 * The package in virtual machines, with a kernel of Debian and disks of their own: it swaps, the machine reboots, and loses
 * its power while it swaps. `node test/endurance/vm.ts [--systemd=257] [--usr=root|erofs|squashfs] [--cuts=3]`, as root,
 * with dist/*.deb (`make deb`). Exits with 1 where something was not as it must be. A boot takes a minute or two.
 */

const { values } = parseArgs({
  options: {
    systemd: { type: 'string', default: '257' },
    usr: { type: 'string', default: 'root' },
    cuts: { type: 'string', default: '3' },
  },
});
const systemd = ([252, 254, 257, 262] as const).find((version) => String(version) === values.systemd);
const ownUsr = (['erofs', 'squashfs'] as const).find((type) => type === values.usr);
if (systemd === undefined) throw new Error('--systemd takes 252, 254, 257 or 262');
if (ownUsr === undefined && values.usr !== 'root') throw new Error('--usr takes root, erofs or squashfs');

const top = resolve(import.meta.dirname, '../..');
const work = labCache('vm', `work-${process.pid}`);
const started = performance.now();

function say(line: string): void {
  process.stdout.write(`${String(Math.round((performance.now() - started) / 1000)).padStart(5)} s  ${line}\n`);
}

function must(what: string, holds: boolean, saw: string): void {
  say(holds ? what : `not so: ${what}\n${saw}`);
  if (!holds) process.exitCode = 1;
}

/** The root file system of the lab with the package installed, and what is tried with it. */
async function makeTree(version: typeof systemd & number): Promise<string> {
  const tree = join(work, 'tree');
  const [archive] = fs.globSync('dist/*.deb', { cwd: top });
  if (archive === undefined) throw new Error('there is no dist/*.deb: make deb');
  await execa('cp', ['-a', '--reflink=auto', await ensureRootfs(version), tree]);
  fs.copyFileSync(join(top, archive), join(tree, 'srv/agent.deb'));
  await execa('chroot', [tree, 'dpkg', '--install', '--force-depends', '/srv/agent.deb']);
  fs.rmSync(join(tree, 'srv/agent.deb'));
  await execa('gcc', [...['-O2', '-static', '-o', join(tree, 'srv/absence')], join(top, 'test/support/absence.c')]);
  for (const [path, bytes] of Object.entries({
    'a1/a.raw': extensionImage('a', '1'),
    'a2/a.raw': extensionImage('a', '2'),
    'b.raw': erofsImage({ ...releaseOf('b'), 'usr/share/b/version': 'b\n', 'opt/b/file': 'b\n' }),
  })) {
    fs.mkdirSync(join(tree, 'srv', path, '..'), { recursive: true });
    fs.writeFileSync(join(tree, 'srv', path), bytes);
  }
  return tree;
}

/** Moves /usr of a tree into an image of its own. */
async function splitUsr(tree: string, type: 'erofs' | 'squashfs'): Promise<NonNullable<VmDisks['usr']>> {
  const [image, usr] = [join(work, 'usr.img'), join(tree, 'usr')];
  await (type === 'erofs'
    ? execa('mkfs.erofs', ['--quiet', image, usr])
    : execa('mksquashfs', [usr, image, '-quiet', '-no-progress', '-noI', '-noD', '-noF', '-noX']));
  fs.rmSync(usr, { recursive: true });
  fs.mkdirSync(usr);
  return { image, type };
}

async function makeDisks(): Promise<{ readonly disks: VmDisks; readonly initrd: string }> {
  const [tree, kernel, initrd] = [await makeTree(systemd ?? 257), await cloudKernel(), join(work, 'initrd')];
  await makeBootable(tree, kernel, initrd);
  const usr = ownUsr && (await splitUsr(tree, ownUsr));
  const root = join(work, 'root.img');
  await execa('mkfs.ext4', ['-q', '-d', tree, root, '1500M']);
  fs.rmSync(tree, { recursive: true });
  return { disks: { kernel, root, ...(usr && { usr }) }, initrd };
}

const versions = 'cat /usr/share/a/version /usr/share/b/version /opt/b/file';

/** What is merged, without since when. */
async function merged(vm: Vm): Promise<string> {
  return (await vm.shell('systemd-sysext status --no-legend')).replaceAll(/ +(\S+ )?\d{4}-\S+.*/g, '');
}

async function bareVerbsWork(vm: Vm): Promise<void> {
  const before = await merged(vm);
  const always = (systemd ?? 0) >= 260 ? '--always-refresh=yes' : '';
  await vm.shell(`systemd-sysext list; systemd-sysext refresh ${always}; ${versions}`);
  must('after the bare refresh the same is merged', (await merged(vm)) === before, await merged(vm));
  await vm.shell('systemd-sysext unmerge; ! test -e /usr/share/a; ! test -e /opt/b');
  await vm.shell(`systemd-sysext merge; ${versions}`);
  must('after the bare unmerge and merge as well', (await merged(vm)) === before, await merged(vm));
}

async function swapsAndReboots(vm: Vm): Promise<void> {
  say(
    `up: Linux ${(await vm.shell('uname -r')).trim()}, ${(await vm.shell('findmnt -no FSTYPE,SOURCE -T /usr')).trim()}`,
  );
  const doctor = await vm.shell('sysext-agent doctor || true');
  must('the driver is atomic', doctor.includes('driver: atomic, without a gap'), doctor);
  await vm.shell('sysext-agent install /srv/a1/a.raw /srv/b.raw');
  const seen = await vm.shell(`
    /srv/absence /usr/share/b/version >/run/absence & watching=$!
    sysext-agent install /srv/a2/a.raw >/run/install 2>&1 || { cat /run/install; exit 1; }
    kill $watching; wait $watching; cat /run/absence`);
  must(`nothing is absent while a is swapped: ${seen.trim()}`, seen.includes('"absences": 0,'), seen);
  const before = [await vm.shell(versions), await merged(vm)];
  await vm.reboot();
  say('rebooted');
  const after = [await vm.shell(versions), await merged(vm)];
  must('the same is merged after the reboot', after.join('') === before.join(''), [...before, ...after].join('\n'));
  await bareVerbsWork(vm);
  await vm.shell('sysext-agent refresh --always-refresh; sysext-agent status');
  must('and after it what this agent merges', (await vm.shell(versions)) === before[0], await vm.shell(versions));
}

/** Each time somewhere else: within an install that takes some seconds. */
async function losesPower(vm: Vm): Promise<void> {
  vm.begin(`while :; do for i in 1 2; do sysext-agent install /srv/a$i/a.raw; done; done`);
  const seconds = randomInt(2000, 30_000) / 1000;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  await vm.cut();
  await vm.boot();
  say(`up again after a power cut ${seconds} s into its swaps`);
  const found = await vm.shell(`${versions} || true; systemd-sysext status; sysext-agent history || true`);
  must('a whole set is merged', /^[12]\nb\nb\n/.test(found), found);
  await vm.shell('! ls -d /run/sysext-agent/prepared /run/sysext-agent/committed');
  await bareVerbsWork(vm);
  await vm.shell(`sysext-agent install /srv/a1/a.raw; sysext-agent status`);
  must('and the next swap is made', (await vm.shell(versions)).startsWith('1\n'), await vm.shell(versions));
}

fs.mkdirSync(work, { recursive: true });
try {
  const { disks, initrd } = await makeDisks();
  say(`systemd ${systemd}, /usr ${ownUsr === undefined ? 'on the root file system' : `on ${ownUsr} of its own`}`);
  await using vm = await bootVm(disks, initrd);
  await swapsAndReboots(vm);
  for (let cut = 0; cut < Number(values.cuts); cut++) await losesPower(vm);
  say(process.exitCode === 1 ? 'something is not as it must be' : 'all is as it must be');
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
