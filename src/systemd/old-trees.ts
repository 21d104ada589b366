import { sysext } from '../core/extension-class.ts';
import { fileIdentity } from '../host/file-identity.ts';
import { fileStatus, piecesOf } from '../host/files.ts';
import {
  controlGroup,
  fileSystemOf,
  heldFiles,
  mountIdOf,
  mountNamespace,
  mountsOf,
  processes,
  processName,
  type FileUse,
  type HeldFile,
  type ProcessMount,
} from '../host/held-files.ts';
import { deviceNumber, mergeMarks } from './merged.ts';

/** A file that was merged before, and is now another one or none. */
export interface OldFile {
  readonly path: string;
  readonly use: FileUse;
}

/** A process that still has files of what was merged before. */
export interface OldProcess {
  readonly pid: number;
  readonly name: string;
  /** The unit of the system that it belongs to; undefined where it belongs to none. */
  readonly unit: string | undefined;
  /** Its program first, then what it has mapped. */
  readonly files: readonly OldFile[];
}

export interface OldProcesses {
  readonly changed: readonly OldProcess[];
  /** How many processes hold only files of it that are the same now. */
  readonly unchanged: number;
  /** How many processes this user must not look into. */
  readonly unseen: number;
  /** Whether it could be seen what processes have mapped, such as libraries. */
  readonly mappedSeen: boolean;
}

/**
 * The processes that hold files of a tree which was merged before, on this host and in mount namespaces below it. One that
 * is taken off stays as long as someone holds a file of it.
 * @param isRoot whether everything can be looked into.
 */
export function oldProcesses(isRoot: boolean): OldProcesses {
  const pids = processes();
  const isOld = oldMounts(pids);
  const isChanged = changedFiles();
  const changed: OldProcess[] = [];
  let [unchanged, unseen] = [0, 0];
  for (const pid of pids) {
    const held = heldFiles(pid);
    if (held === undefined) unseen++;
    const old = (held ?? []).filter(isOld);
    const files = distinct(old.flatMap((file) => isChanged(file) ?? []));
    if (files.length > 0) changed.push({ pid, name: processName(pid) ?? '', unit: unitOf(controlGroup(pid)), files });
    else if (old.length > 0) unchanged++;
  }
  return { changed, unchanged, unseen, mappedSeen: isRoot };
}

/** What statfs(2) says of an overlay. */
const overlay = 0x794c7630;

/**
 * Tells whether a file is of a merge that is no longer the host's: one that is mounted nowhere any more, or only in a
 * namespace that did not learn of the next one.
 */
function oldMounts(pids: readonly number[]): (file: HeldFile) => boolean {
  const mounts = allMounts(pids);
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const byDevice = new Map(mounts.map((mount) => [mount.device, mount]));
  const now = mergeMarks('/').map(({ device }) => deviceNumber(device));
  const isOldMount = (mount: ProcessMount) => isMerge(mount) && !now.includes(mount.device);
  return (file) => {
    // Since Linux 6.8 it is the overlay's; before, and for what is not mapped, the mount is.
    const mapped = file.device === undefined ? undefined : byDevice.get(file.device);
    if (mapped !== undefined) return isOldMount(mapped);
    if (file.device !== undefined && isOfOverlay(file, file.device)) return true;
    const id = mountIdOf(file);
    const mount = id === undefined ? undefined : byId.get(id);
    return mount === undefined ? id !== undefined && fileSystemOf(file) === overlay : isOldMount(mount);
  };
}

/** What is mounted in any namespace. */
function allMounts(pids: readonly number[]): ProcessMount[] {
  const seen = new Map<string, number>();
  for (const pid of pids) {
    const namespace = mountNamespace(pid);
    if (namespace !== undefined && !seen.has(namespace)) seen.set(namespace, pid);
  }
  return [...seen.values()].flatMap(mountsOf);
}

/** What is mapped from an overlay leads to the file of the file system below it. */
function isOfOverlay({ link }: HeldFile, device: string): boolean {
  const below = fileIdentity(link)?.device;
  return device.startsWith('0:') && below !== undefined && deviceNumber(below) !== device;
}

/** As systemd-sysext mounts what it merges. */
function isMerge({ type, source }: ProcessMount): boolean {
  return type === 'overlay' && source === 'sysext';
}

/** Tells how a file of an old merge is called on the host, where that has another file there now, or none. */
function changedFiles(): (file: HeldFile) => OldFile | undefined {
  const ofHost = fileIdentity('/usr/lib/os-release')?.device;
  const known = new Map<string, boolean>();
  return ({ link, path, use, device }) => {
    const place = placeOf(path);
    const identity = fileIdentity(link);
    const key = [identity?.device, identity?.inode, device, place].join(' ');
    const same = known.get(key) ?? isSame(link, place, ofHost);
    known.set(key, same);
    return same ? undefined : { path: place, use };
  };
}

/** Of what is mounted nowhere any more the kernel tells the path below its own root. */
function placeOf(path: string): string {
  if (sysext.hierarchies.some((hierarchy) => path === hierarchy || path.startsWith(`${hierarchy}/`))) return path;
  const [, first = ''] = path.split('/');
  const below = [`/usr${path}`, `/opt${path}`];
  return (
    below.find((place) => fileStatus(place) !== undefined) ??
    (fileStatus(`/usr/${first}`) === undefined && fileStatus(`/opt/${first}`) !== undefined
      ? `/opt${path}`
      : `/usr${path}`)
  );
}

/** Where it is not plain that it is the same file of the host, the bytes tell. */
function isSame(link: string, place: string, ofHost: number | undefined): boolean {
  if (fileStatus(link)?.isDirectory() === true) return fileStatus(place)?.isDirectory() === true;
  const [old, now] = [fileIdentity(link), fileIdentity(place)];
  if (old === undefined || now === undefined) return false;
  if (old.size !== now.size) return false;
  const isHosts = now.device === ofHost && old.inode === now.inode && old.mtime === now.mtime;
  return isHosts || fileStatus(place)?.isFile() !== true || isSameContent(link, place);
}

function isSameContent(a: string, b: string): boolean {
  const others = piecesOf(b);
  for (const piece of piecesOf(a)) {
    const other = others.next();
    if (other.done === true || !piece.equals(other.value)) return false;
  }
  return true;
}

function distinct(files: readonly OldFile[]): OldFile[] {
  return files.filter(({ path }, index) => files.findIndex((file) => file.path === path) === index);
}

/** The unit that systemctl(1) knows by the path of a control group: of a user's units it is that of their manager. */
export function unitOf(group: string | undefined): string | undefined {
  return group?.split('/').find((part) => /\.(?:service|scope|socket|mount|swap)$/.test(part));
}
