import { sortedByPath, type ImageEntry } from '../core/image-entry.ts';
import { attributeIn } from './erofs-attributes.ts';
import {
  parseDirectoryBlock,
  readInode,
  readSuperblock,
  type DirectoryEntry,
  type Inode,
  type Superblock,
} from './erofs-format.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

/**
 * Reads an erofs image without mounting it: directories, links, attributes and every content that is not compressed.
 * The image may be hostile: each place is checked, each amount is capped, a directory is entered once.
 */
export interface Erofs {
  readonly image: ImageBytes;
  readonly superblock: Superblock;
}

const dot = 0x2e;
const mostEntries = 1_000_000;
const largestDirectory = 64 * 1024 * 1024;
/** PATH_MAX and the longest target of a symbolic link (path_resolution(7)). */
const longestPath = 4096;

/**
 * Opens an image that isErofs(). Where `superblock.unknownFeatures` is not 0, nothing else may be read.
 * @throws AgentError `invalid-image`, as everything here does for an image that contradicts itself.
 */
export function openErofs(image: ImageBytes): Erofs {
  return { image, superblock: readSuperblock(image) };
}

/**
 * Finds inodes by their paths, links not followed; undefined where there is nothing. Directories passed on the way are
 * remembered.
 */
export function inodeFinder(erofs: Erofs): (path: string) => Inode | undefined {
  const known = new Map<string, Inode | undefined>([['', rootOf(erofs)]]);
  const find = (path: string): Inode | undefined => {
    if (known.has(path)) return known.get(path);
    const slash = path.lastIndexOf('/');
    const directory = find(path.slice(0, Math.max(slash, 0)));
    const inode = directory?.kind === 'directory' ? childOf(erofs, directory, path.slice(slash + 1)) : undefined;
    known.set(path, inode);
    return inode;
  };
  return find;
}

function rootOf(erofs: Erofs): Inode {
  const root = inodeOf(erofs, erofs.superblock.rootNid);
  if (root.kind !== 'directory') throw damaged(erofs.image.name, `its root is a ${root.kind}`);
  return root;
}

function inodeOf({ image, superblock }: Erofs, nid: number): Inode {
  return readInode(image, superblock, nid);
}

function childOf(erofs: Erofs, directory: Inode, name: string): Inode | undefined {
  const wanted = Buffer.from(name);
  const entry = entriesOf(erofs, directory).find((candidate) => candidate.name.equals(wanted));
  return entry === undefined ? undefined : inodeOf(erofs, entry.nid);
}

/** The names in a directory, in the order of their bytes. */
export function namesIn(erofs: Erofs, directory: Inode): string[] {
  return entriesOf(erofs, directory).map((entry) => entry.name.toString());
}

/**
 * The entries of a directory but `.` and `..`. The kernel finds a name by halving, so what is not in order would be
 * one tree to it and another to us.
 */
function entriesOf(erofs: Erofs, directory: Inode): DirectoryEntry[] {
  const { image, superblock } = erofs;
  const content = directory.layout === 'chunks' ? undefined : readContent(erofs, directory, largestDirectory);
  if (content === undefined) throw damaged(image.name, 'a directory is compressed or in chunks');
  const blocks = Math.ceil(content.length / superblock.blockSize);
  const entries = Array.from({ length: blocks }, (_, index) =>
    parseDirectoryBlock(image, content.subarray(index * superblock.blockSize, (index + 1) * superblock.blockSize)),
  ).flat();
  entries.forEach((entry, index) => {
    const next = entries[index + 1];
    if (next !== undefined && entry.name.compare(next.name) >= 0) {
      throw damaged(image.name, `a directory has ${next.name.toString()} after ${entry.name.toString()}`);
    }
  });
  return entries.filter(({ name }) => !isDot(name));
}

function isDot(name: Buffer): boolean {
  return name.length <= 2 && name.every((byte) => byte === dot);
}

/**
 * The content of a file, directory or link; undefined where it is compressed.
 * @param limit the most bytes to read.
 */
export function readContent(erofs: Erofs, inode: Inode, limit: number): Buffer | undefined {
  if (inode.size > limit) throw damaged(erofs.image.name, `a ${inode.kind} has ${inode.size} bytes`);
  switch (inode.layout) {
    case 'plain':
      return readBlocks(erofs, inode.start, inode.size);
    case 'inline':
      return readInline(erofs, inode);
    case 'chunks':
      return readChunks(erofs, inode);
    case 'compressed':
      return undefined;
  }
}

function readBlocks({ image, superblock }: Erofs, start: number | undefined, size: number): Buffer {
  return start === undefined ? Buffer.alloc(size) : image.read(start * superblock.blockSize, size);
}

/** All but the last block lie apart; the last one follows the inode, within one block. */
function readInline(erofs: Erofs, inode: Inode): Buffer {
  const { image, superblock } = erofs;
  const apart = Math.max(0, Math.ceil(inode.size / superblock.blockSize) - 1) * superblock.blockSize;
  const tail = inode.size - apart;
  if ((inode.tailAt % superblock.blockSize) + tail > superblock.blockSize) {
    throw damaged(image.name, `the content of inode ${inode.nid} crosses the end of its block`);
  }
  const last = image.read(inode.tailAt, tail);
  return apart === 0 ? last : Buffer.concat([readBlocks(erofs, inode.start, apart), last]);
}

const chunkBitsMask = 0x1f;
const chunkIndexes = 0x20;
const hole = 0xffffffff;

/** A table of chunks follows the inode: block numbers, or records of 8 bytes that also name a device. */
function readChunks(erofs: Erofs, inode: Inode): Buffer {
  const { image, superblock } = erofs;
  const chunkSize = superblock.blockSize * 2 ** (inode.chunkFormat & chunkBitsMask);
  const record = (inode.chunkFormat & chunkIndexes) === 0 ? 4 : 8;
  const count = Math.ceil(inode.size / chunkSize);
  const table = image.read(Math.ceil(inode.tailAt / record) * record, count * record);
  const pieces = Array.from({ length: count }, (_, index) => {
    const at = index * record;
    if (record === 8 && table.readUInt16LE(at + 2) !== 0) throw damaged(image.name, 'it needs a second file');
    const low = table.readUInt32LE(at + record - 4);
    const high = record === 8 && low !== hole ? table.readUInt16LE(at) : 0;
    const size = Math.min(chunkSize, inode.size - index * chunkSize);
    return readBlocks(erofs, low === hole ? undefined : high * 2 ** 32 + low, size);
  });
  return Buffer.concat(pieces);
}

/** Where a symbolic link leads; undefined for what is none. */
export function linkTarget(erofs: Erofs, inode: Inode): string | undefined {
  if (inode.kind !== 'symlink') return undefined;
  const content = readContent(erofs, inode, longestPath);
  if (content === undefined) throw damaged(erofs.image.name, 'a symbolic link is compressed');
  return content.toString();
}

/** The extended attribute `user.<name>` of an inode, or undefined where it has none. */
export function userAttribute({ image, superblock }: Erofs, inode: Inode, name: string): string | undefined {
  return attributeIn(image, superblock, inode, name);
}

/** Everything in the image but its root, sorted by path. */
export function listErofs(erofs: Erofs): ImageEntry[] {
  const found: ImageEntry[] = [];
  const entered = new Set<number>();
  const pending = [{ path: '', inode: rootOf(erofs) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (entered.has(next.inode.nid)) throw damaged(erofs.image.name, `the directory ${next.path} has a second name`);
    entered.add(next.inode.nid);
    for (const { name, nid } of entriesOf(erofs, next.inode)) {
      const path = next.path === '' ? name.toString() : `${next.path}/${name.toString()}`;
      const inode = inodeOf(erofs, nid);
      found.push(describe(erofs, path, inode));
      if (inode.kind === 'directory') pending.push({ path, inode });
      checkAmount(erofs, path, found.length);
    }
  }
  return sortedByPath(found);
}

function checkAmount({ image }: Erofs, path: string, entries: number): void {
  if (path.length > longestPath) throw damaged(image.name, `a path has ${path.length} characters`);
  if (entries > mostEntries) throw damaged(image.name, `it has more than ${mostEntries} files`);
}

function describe(erofs: Erofs, path: string, inode: Inode): ImageEntry {
  const { kind, mode, uid, gid, size, mtime } = inode;
  const target = linkTarget(erofs, inode);
  return { path, kind, mode, uid, gid, size, mtime, ...(target === undefined ? {} : { target }) };
}
