import { overlayAttributes, sortedByPath, type EntryKind, type ImageEntry } from '../core/image-entry.ts';
import { bytesOf, damaged, type ImageBytes } from './image-bytes.ts';

/**
 * Walks a file system made of inodes, which may be hostile: each amount is capped, and a directory is entered once.
 * What a name, an inode and a content are, the reader of each format tells.
 */

/** What every file system says of a file. */
export interface InodeFacts {
  readonly id: number;
  readonly kind: EntryKind;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** About how many bytes have to be looked at to know its extended attributes; 0 where it has none. */
  readonly attributesSize: number;
}

/** A name in a directory, as its bytes. */
export interface DirectoryEntry {
  readonly name: Buffer;
  readonly id: number;
}

/** The reader of one format; everything in it throws an AgentError `invalid-image` for what contradicts itself. */
export interface FileSystem<I extends InodeFacts = InodeFacts> {
  readonly image: ImageBytes;
  readonly rootId: number;
  inode(id: number): I;
  /** The entries of a directory but `.` and `..`, in the order of their bytes, no name twice. */
  entriesOf(directory: I): readonly DirectoryEntry[];
  /** The content of a file, directory or link; undefined where it is packed in a way that is not read here. */
  contentOf(inode: I): ImageBytes | undefined;
  /** An extended attribute by its whole name: `user.x`. */
  attribute(inode: I, name: string): Buffer | undefined;
}

export const largestDirectory = 64 * 1024 * 1024;
const mostEntries = 1_000_000;
/** Bytes of directories and attributes that one listing may look at: many inodes can share the same blocks. */
const mostLookedAt = 1024 ** 3;
/** PATH_MAX and the longest target of a symbolic link (path_resolution(7)). */
const longestPath = 4096;

/**
 * Finds inodes by their paths, links not followed; undefined where there is nothing. Directories passed on the way are
 * remembered, and the names in the last one: whoever asks for many files asks for those of one directory after another.
 */
export function inodeFinder<I extends InodeFacts>(files: FileSystem<I>): (path: string) => I | undefined {
  const childOf = childFinder(files);
  const known = new Map<string, I | undefined>([['', rootOf(files)]]);
  const find = (path: string): I | undefined => {
    if (known.has(path)) return known.get(path);
    const slash = path.lastIndexOf('/');
    const directory = find(path.slice(0, Math.max(slash, 0)));
    const inode = directory?.kind === 'directory' ? childOf(directory, path.slice(slash + 1)) : undefined;
    known.set(path, inode);
    return inode;
  };
  return find;
}

function rootOf<I extends InodeFacts>(files: FileSystem<I>): I {
  const root = files.inode(files.rootId);
  if (root.kind !== 'directory') throw damaged(files.image.name, `its root is a ${root.kind}`);
  return root;
}

function childFinder<I extends InodeFacts>(files: FileSystem<I>): (directory: I, name: string) => I | undefined {
  const last: { directory?: I; ids: ReadonlyMap<string, number> } = { ids: new Map() };
  return (directory, name) => {
    if (last.directory !== directory) {
      // Bytes as characters: names that are no UTF-8 stay apart.
      last.ids = new Map(files.entriesOf(directory).map((entry) => [entry.name.toString('latin1'), entry.id]));
      last.directory = directory;
    }
    const id = last.ids.get(Buffer.from(name).toString('latin1'));
    return id === undefined ? undefined : files.inode(id);
  };
}

/** The names in a directory, in the order of their bytes. */
export function namesIn<I extends InodeFacts>(files: FileSystem<I>, directory: I): string[] {
  return files.entriesOf(directory).map((entry) => entry.name.toString());
}

/** Where a symbolic link leads; undefined for what is none. */
export function linkTarget<I extends InodeFacts>(files: FileSystem<I>, inode: I): string | undefined {
  if (inode.kind !== 'symlink') return undefined;
  const { name } = files.image;
  if (inode.size > longestPath) throw damaged(name, `a symlink has ${inode.size} bytes`);
  const content = files.contentOf(inode);
  if (content === undefined) throw damaged(name, 'a symbolic link is compressed');
  return content.read(0, content.size).toString();
}

/** The whole content of a directory. */
export function directoryContent<I extends InodeFacts>(files: FileSystem<I>, directory: I): Buffer {
  if (directory.size > largestDirectory) throw damaged(files.image.name, `a directory has ${directory.size} bytes`);
  const content = files.contentOf(directory);
  if (content === undefined) throw damaged(files.image.name, 'a directory is compressed');
  return content.read(0, content.size);
}

/** Everything in the file system but its root, sorted by path. */
export function listFiles<I extends InodeFacts>(files: FileSystem<I>): ImageEntry[] {
  const found: ImageEntry[] = [];
  const entered = new Set<number>();
  const lookedAt = counter(files.image.name, mostLookedAt, 'bytes of directories and attributes');
  const pending = [{ path: '', inode: rootOf(files) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (entered.has(next.inode.id)) throw damaged(files.image.name, `the directory ${next.path} has a second name`);
    entered.add(next.inode.id);
    lookedAt(next.inode.size);
    for (const { name, id } of files.entriesOf(next.inode)) {
      const path = next.path === '' ? name.toString() : `${next.path}/${name.toString()}`;
      const inode = files.inode(id);
      lookedAt(inode.attributesSize);
      found.push(describe(files, path, inode));
      if (inode.kind === 'directory') pending.push({ path, inode });
      checkAmount(files.image, path, found.length);
    }
  }
  return sortedByPath(found);
}

function counter(name: string, most: number, what: string): (amount: number) => void {
  const counted = { sum: 0 };
  return (amount) => {
    counted.sum += amount;
    if (counted.sum > most) throw damaged(name, `it has more than ${most} ${what}`);
  };
}

function checkAmount({ name }: ImageBytes, path: string, entries: number): void {
  if (path.length > longestPath) throw damaged(name, `a path has ${path.length} characters`);
  if (entries > mostEntries) throw damaged(name, `it has more than ${mostEntries} files`);
}

function describe<I extends InodeFacts>(files: FileSystem<I>, path: string, inode: I): ImageEntry {
  const { kind, mode, uid, gid, size, mtime } = inode;
  const target = linkTarget(files, inode);
  const has = (attribute: string) => files.attribute(inode, attribute) !== undefined;
  const capable = kind === 'file' && has('security.capability');
  return {
    path,
    kind,
    mode,
    uid,
    gid,
    size,
    mtime,
    ...(target === undefined ? {} : { target }),
    ...(capable ? { capability: true } : {}),
    ...(overlayAttributes.some(has) ? { overlay: true } : {}),
  };
}

/** What lies at one place of a content: so many bytes from a place of the image on, or from no place, which is zeros. */
export interface Run {
  readonly at: number | undefined;
  /** At least 1. */
  readonly length: number;
}

/** A content that lies in the image in runs. */
export function contentOfRuns(image: ImageBytes, size: number, runAt: (offset: number) => Run): ImageBytes {
  return bytesOf(image.name, size, (offset, length) => {
    const first = length === 0 ? undefined : runAt(offset);
    if (first?.at !== undefined && first.length >= length) return image.read(first.at, length);
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const run = runAt(offset + done);
      const count = Math.min(run.length, length - done);
      if (run.at !== undefined) bytes.set(image.read(run.at, count), done);
      done += count;
    }
    return bytes;
  });
}

/** The prefixes that names of attributes have as numbers, the same in erofs and ext4. */
const prefixes: Readonly<Record<string, number>> = { user: 1, trusted: 4, security: 6, system: 7 };

/** The name of an attribute as file systems keep it: `user.x` is 1 and `x`. */
export function splitAttribute(name: string): { readonly prefix: number | undefined; readonly rest: string } {
  const dot = name.indexOf('.');
  return { prefix: prefixes[name.slice(0, dot)], rest: name.slice(dot + 1) };
}
