import fs from 'node:fs';

/** What a process does with a file. */
export type FileUse = 'program' | 'mapped' | 'directory' | 'open';

/** A file that a process holds (proc(5)). */
export interface HeldFile {
  readonly use: FileUse;
  /** Where it is found through the process, whatever has become of its path. */
  readonly link: string;
  /** Its path; of what is mounted no more, that below the root of its mount. */
  readonly path: string;
  /** What is mapped: the file system that /proc/PID/maps names, as `MAJOR:MINOR`. */
  readonly device?: string;
}

/** One line of mountinfo (proc_pid_mountinfo(5)). */
export interface ProcessMount {
  readonly id: number;
  /** `MAJOR:MINOR` */
  readonly device: string;
  readonly type: string;
  readonly source: string;
}

/** The numbers of all processes, ascending. */
export function processes(): number[] {
  return (orNothing(() => fs.readdirSync('/proc')) ?? [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** What a process is called; undefined where it is gone. */
export function processName(pid: number): string | undefined {
  return textOf(pid, 'comm')?.trim();
}

/** The control group of a process, as a path; undefined where it is gone. */
export function controlGroup(pid: number): string | undefined {
  return /^0::(\/.*)$/m.exec(textOf(pid, 'cgroup') ?? '')?.[1];
}

/** What tells one mount namespace from another; undefined where it must not be looked at. */
export function mountNamespace(pid: number): string | undefined {
  return orNothing(() => fs.readlinkSync(`/proc/${pid}/ns/mnt`));
}

/** What is mounted where a process is. */
export function mountsOf(pid: number): ProcessMount[] {
  return (textOf(pid, 'mountinfo') ?? '').split('\n').flatMap((line) => mountOf(line) ?? []);
}

/** A line has optional fields, whose end is a hyphen. */
export function mountOf(line: string): ProcessMount | undefined {
  const [before = '', after = ''] = line.split(' - ');
  const [id = '', , device = ''] = before.split(' ');
  const [type = '', source = ''] = after.split(' ');
  return type === '' ? undefined : { id: Number(id), device, type, source };
}

/**
 * The files that a process holds; what it has mapped is shown to root alone.
 * @returns undefined where this user must not look; none where it is gone, or one of the kernel.
 */
export function heldFiles(pid: number): HeldFile[] | undefined {
  if (orNothing(() => fs.readlinkSync(`/proc/${pid}/exe`)) === undefined) {
    return (textOf(pid, 'cmdline') ?? '') === '' ? [] : undefined;
  }
  const descriptors = orNothing(() => fs.readdirSync(`/proc/${pid}/fd`)) ?? [];
  return [
    ...heldAt(`/proc/${pid}/exe`, 'program'),
    ...mappings(textOf(pid, 'maps') ?? '').map(({ range, path, device }) => {
      return { use: 'mapped', link: `/proc/${pid}/map_files/${range}`, path, device } as const;
    }),
    ...heldAt(`/proc/${pid}/cwd`, 'directory'),
    ...descriptors.flatMap((name) => heldAt(`/proc/${pid}/fd/${name}`, 'open')),
  ].filter(({ path }) => !elsewhere.test(path));
}

/** What no file system on a disk has is of no interest. */
const elsewhere = /^(?!\/)|^\/(?:dev|proc|sys)\/|^\/memfd:/;

function heldAt(link: string, use: FileUse): HeldFile[] {
  const path = orNothing(() => fs.readlinkSync(link));
  return path === undefined ? [] : [{ use, link, path }];
}

/** A file that is mapped, and its first range as the entries of /proc/PID/map_files are named. */
export interface Mapping {
  readonly range: string;
  readonly path: string;
  readonly device: string;
}

/** The files in /proc/PID/maps (proc_pid_maps(5)), each once. */
export function mappings(maps: string): Mapping[] {
  const first = new Map<string, Mapping>();
  for (const line of maps.split('\n')) {
    const [, begin = '', end = '', major = '', minor = '', path = ''] =
      /^0*([0-9a-f]+)-0*([0-9a-f]+) \S+ \S+ ([0-9a-f]+):([0-9a-f]+) \d+ +(\/.*)$/.exec(line) ?? [];
    const device = `${parseInt(major, 16)}:${parseInt(minor, 16)}`;
    const key = `${device} ${path}`;
    if (path !== '' && !first.has(key)) first.set(key, { range: `${begin}-${end}`, path, device });
  }
  return [...first.values()];
}

/** Linux has it, Node does not: the file is not opened, only held. */
const pathOnly = 0o10000000;

/** The mount that a file is held by; undefined where this user must not know, or it is held no more. */
export function mountIdOf({ link }: HeldFile): number | undefined {
  const descriptor = orNothing(() => fs.openSync(link, pathOnly));
  if (descriptor === undefined) return undefined;
  try {
    return Number(/^mnt_id:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** The number that says of a file system what it is (statfs(2)); undefined where the process is gone. */
export function fileSystemOf({ link }: HeldFile): number | undefined {
  return orNothing(() => fs.statfsSync(link).type);
}

function textOf(pid: number, name: string): string | undefined {
  return orNothing(() => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8'));
}

/** A process may end while it is looked at, or not be ours to look at. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
