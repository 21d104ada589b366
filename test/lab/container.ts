import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { execa } from 'execa';

import { labCache } from './cache.ts';
import { continueCommands } from './command.ts';
import { waitFor } from './wait.ts';

export interface Bind {
  /** A path of the host. */
  readonly source: string;
  /** The path of it in the machine. */
  readonly target: string;
  readonly readOnly?: boolean;
}

/** The disk of a machine: what it wrote over the shared root file system; it outlives reboots and power cuts. */
export interface Disk {
  readonly name: string;
  /** The directory with everything of this machine. */
  readonly directory: string;
  /** The machine's root directory, as the host sees it. */
  readonly root: string;
  readonly cgroup: string;
}

/** One boot of a machine: it lives as long as this process. */
export type Container = ChildProcess;

const machines = (): string => labCache('machines');

/**
 * A new disk on the root file system `rootfs`. Its name says whose it is, so that the next run of tests can tell the
 * disks of a run that was killed.
 */
export async function createDisk(rootfs: string): Promise<Disk> {
  const disk = diskNamed(`lab-${process.pid}-${startTime(process.pid)}-${randomBytes(3).toString('hex')}`);
  fs.mkdirSync(disk.root, { recursive: true });
  await mountRoot(rootfs, disk);
  return disk;
}

function diskNamed(name: string): Disk {
  const directory = join(machines(), name);
  return { name, directory, root: join(directory, 'root'), cgroup: join(cgroupMount(), `sysext-agent-${name}`) };
}

/**
 * Layers the disk over the root file system. systemd-sysext puts its own overlay on top, and the kernel allows two of
 * them: where the cache itself lies on an overlay, the machine gets a copy in memory.
 */
async function mountRoot(rootfs: string, { directory, root }: Disk): Promise<void> {
  const overlayfs = 0x794c7630;
  if (fs.statfsSync(directory).type === overlayfs) {
    await execa('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'sysext-agent-lab', root]);
    await execa('cp', ['--archive', `${rootfs}/.`, root]);
    return;
  }
  const [upper, work] = [join(directory, 'upper'), join(directory, 'work')];
  for (const path of [upper, work]) fs.mkdirSync(path);
  const layers = `lowerdir=${rootfs},upperdir=${upper},workdir=${work},volatile`;
  await execa('mount', ['-t', 'overlay', '-o', layers, 'sysext-agent-lab', root]);
}

/**
 * Boots the disk. The container has a PID namespace and a /run of its own around it: when this process ends, however it
 * ends, the whole machine ends with it and leaves nothing mounted.
 * @throws Error with what the console shows when there is no PID 1 after 20 seconds.
 */
export async function startContainer(disk: Disk, binds: readonly Bind[]): Promise<Container> {
  await clearCgroups(disk);
  fs.mkdirSync(disk.cgroup);
  const inside = 'echo 0 >"$0/cgroup.procs"; mount -t tmpfs tmpfs /run; exec systemd-nspawn "$@"';
  const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const argv = ['--pdeathsig=KILL', ...unshare, 'sh', '-euc', inside, disk.cgroup, ...nspawnArguments(disk, binds)];
  const console = fs.openSync(join(disk.directory, 'console'), 'a');
  const container = spawn('setpriv', argv, {
    stdio: ['ignore', console, console],
    env: {
      PATH: process.env['PATH'],
      // Without it nspawn gives the machine the host's hierarchy, and systemd 258 and later start on cgroup v2 only.
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
      // Else what goes wrong may go to the kernel's log.
      SYSTEMD_LOG_TARGET: 'console',
    },
  });
  fs.closeSync(console);
  try {
    await waitFor('the first process of the machine', () => leaderOf(container));
    return container;
  } catch (error) {
    await endContainer(disk, container);
    throw new Error(`the machine did not start\n${consoleOf(disk)}`, { cause: error });
  }
}

function nspawnArguments({ name, root }: Disk, binds: readonly Bind[]): string[] {
  return [
    ...[
      '--quiet',
      '--boot',
      `--directory=${root}`,
      `--machine=${name}`,
      '--register=no',
      '--keep-unit',
      '--link-journal=no',
    ],
    ...['--console=pipe', '--capability=all', '--resolv-conf=off', '--timezone=off'],
    ...binds.map(({ source, target, readOnly }) => {
      const [from, to] = [source, target].map((path) => path.replaceAll(/[\\:]/g, String.raw`\$&`));
      return `--bind${readOnly === true ? '-ro' : ''}=${from}:${to}`;
    }),
  ];
}

/**
 * PID 1 of the machine, by its number on this host: the grandchild that is the first of its PID namespace.
 * Undefined while there is none, in the first moments and when the machine reboots itself.
 * @throws Error when the machine has ended.
 */
export function leaderOf(container: Container): number | undefined {
  const { pid } = container;
  if (pid === undefined || hasEnded(container)) throw new Error('the machine has ended');
  return childrenOf(pid)
    .flatMap(childrenOf)
    .find((candidate) => /^NSpid:.*\t1$/m.test(processFile(candidate, 'status')));
}

function childrenOf(pid: number): number[] {
  return processFile(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** A file of /proc/PID; empty when the process is gone. */
function processFile(pid: number, name: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** When a process started, in clock ticks since boot: with its number it is unmistakable. Empty when it is gone. */
function startTime(pid: number): string {
  return (
    processFile(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')[19] ?? ''
  );
}

/** The last lines that the machine wrote to its console. */
export function consoleOf(disk: Disk): string {
  return fs.readFileSync(join(disk.directory, 'console'), 'utf8').split('\n').slice(-80).join('\n');
}

/** Ends every process of the machine at once, and waits until the last one is gone. */
export async function endContainer(disk: Disk, container: Container): Promise<void> {
  container.kill('SIGKILL');
  await ended(container);
  await clearCgroups(disk);
}

/** Waits until a container that was told to power off, or was killed, has ended. */
export async function ended(container: Container): Promise<void> {
  await waitFor('the end of the machine', () => {
    if (hasEnded(container)) return true;
    continueCommands();
    return undefined;
  });
}

function hasEnded({ exitCode, signalCode }: Container): boolean {
  return exitCode !== null || signalCode !== null;
}

/**
 * Ends what still runs in the machine's cgroups and removes them. Every boot has new ones: in a cgroup that was killed
 * once the kernel ends at once whatever systemd 257 and later start right into it.
 */
async function clearCgroups({ name, cgroup }: Disk): Promise<void> {
  const ofOldHierarchy = join(dirname(cgroupMount()), 'systemd', basename(cgroup));
  if (fs.existsSync(cgroup)) fs.writeFileSync(join(cgroup, 'cgroup.kill'), '1');
  await waitFor(`the last process of ${name} to end`, () => {
    return removeCgroup(cgroup) && removeCgroup(ofOldHierarchy) ? true : undefined;
  });
}

/** Whether the cgroup, with those below it, is gone now: the kernel keeps those with a process. */
function removeCgroup(path: string): boolean {
  if (!fs.existsSync(path)) return true;
  const below = fs.readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (!below.every(({ name }) => removeCgroup(join(path, name)))) return false;
  try {
    fs.rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Takes a disk away with all that is left of its machine. Nothing is removed below a file system still mounted. */
export async function removeDisk(disk: Disk): Promise<void> {
  await clearCgroups(disk);
  if (mountPoints().includes(disk.root)) await execa('umount', [disk.root]);
  const stillMounted = mountPoints().filter((path) => path.startsWith(`${disk.directory}/`));
  if (stillMounted.length > 0) throw new Error(`still mounted: ${stillMounted.join(', ')}`);
  await execa('rm', ['-rf', '--one-file-system', disk.directory]);
}

/** Takes away the disks of test runs that are gone. */
export async function removeAbandonedDisks(): Promise<void> {
  if (!fs.existsSync(machines())) return;
  for (const name of fs.readdirSync(machines())) {
    const [, pid, started] = /^lab-(\d+)-(\d+)-[\da-f]+$/.exec(name) ?? [];
    if (pid !== undefined && startTime(Number(pid)) !== started) {
      // Another worker may be at it, too; what neither could remove, the next start tries again.
      await removeDisk(diskNamed(name)).catch(() => undefined);
    }
  }
}

/** The mount points of this process, from mountinfo. */
export function mountPoints(): string[] {
  return mountTable().map(({ path }) => path);
}

function cgroupMount(): string {
  const mount = mountTable().find(({ type }) => type === 'cgroup2');
  if (mount === undefined) throw new Error('the lab needs the unified cgroup hierarchy: no cgroup2 is mounted');
  return mount.path;
}

function mountTable(): { path: string; type: string }[] {
  const lines = fs.readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const path = line.split(' ')[4] ?? '';
    const type = / - (\S+)/.exec(line)?.[1] ?? '';
    return {
      path: path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
      type,
    };
  });
}
