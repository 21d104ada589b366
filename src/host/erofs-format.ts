import { kindOfMode } from '../core/image-entry.ts';
import { crc32c } from './crc32c.ts';
import type { DirectoryEntry, InodeFacts } from './file-system.ts';
import { damaged, truncated, type ImageBytes } from './image-bytes.ts';

/**
 * The structures of erofs on disk, all little endian (Linux: Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h).
 * Numbers from an image are checked here or where they are used as a place: ImageBytes refuses every range outside.
 */

export const superblockOffset = 1024;
const superblockSize = 128;
const magic = 0xe0f5e1e2;

const compatChecksum = 0x1;
const incompat48Bit = 0x80;
const incompatPrefixes = 0x40;
/**
 * Up to Linux 6.15: padding, compression settings, chunks and devices, tail packing, fragments, 48 bits. Not prefixes of
 * attributes of an image's own (mkfs.erofs --xattr-prefix=): names that are not known could be any.
 */
const knownIncompat = 0xbf;

export interface Superblock {
  /** The size of a block as a power of two. */
  readonly blockBits: number;
  readonly blockSize: number;
  readonly rootNid: number;
  /** Where inode 0 would lie, in bytes. */
  readonly inodesAt: number;
  /** Where shared extended attributes lie, in bytes. */
  readonly attributesAt: number;
  /** Seconds since 1970 to which compact inodes add their times. */
  readonly epoch: number;
  /** Features that a reader must know, as bits. */
  readonly features: number;
  /** Those of them that a reader must know and this one does not: 0 where it can read everything. */
  readonly unknownFeatures: number;
}

export function isErofs(image: ImageBytes): boolean {
  return image.size >= superblockOffset + 4 && image.read(superblockOffset, 4).readUInt32LE(0) === magic;
}

/**
 * Reads and checks the superblock of an image that isErofs().
 * @throws AgentError `invalid-image`
 */
export function readSuperblock(image: ImageBytes): Superblock {
  const block = image.read(superblockOffset, superblockSize);
  const blockBits = block.readUInt8(12);
  if (blockBits < 9 || blockBits > 16) throw damaged(image.name, `its blocks are of 2^${blockBits} bytes`);
  const blockSize = 2 ** blockBits;
  const features = block.readUInt32LE(80);
  const wide = (features & incompat48Bit) !== 0 && block.readBigUInt64LE(112) !== 0n;
  const blocks = block.readUInt32LE(36) + (wide ? block.readUInt16LE(14) * 2 ** 32 : 0);
  if (blocks * blockSize > image.size) throw truncated(image.name, blocks * blockSize, image.size);
  if ((block.readUInt32LE(8) & compatChecksum) !== 0) verifyChecksum(image, blockSize, block.readUInt32LE(4));
  if (block.readUInt8(90) !== 0) throw damaged(image.name, 'its directories have blocks of their own size');
  return {
    blockBits,
    blockSize,
    rootNid: wide ? wholeNumber(image, block, 112) : block.readUInt16LE(14),
    inodesAt: block.readUInt32LE(40) * blockSize,
    attributesAt: block.readUInt32LE(44) * blockSize,
    epoch: seconds(block.readBigInt64LE(24)),
    features,
    unknownFeatures: ((features | prefixesOf(block)) & ~knownIncompat) >>> 0,
  };
}

/** Linux reads prefixes where there are any, whatever the features say. */
function prefixesOf(block: Buffer): number {
  return block.readUInt8(91) === 0 ? 0 : incompatPrefixes;
}

/** The checksum covers the superblock to the end of its block, taken with itself as zero. */
function verifyChecksum(image: ImageBytes, blockSize: number, expected: number): void {
  const covered = image.read(superblockOffset, blockSize > superblockOffset ? blockSize - superblockOffset : blockSize);
  covered.writeUInt32LE(0, 4);
  if (crc32c(covered) !== expected) throw damaged(image.name, 'the checksum of its superblock does not match');
}

/** A 64-bit number that we can count with. */
function wholeNumber(image: ImageBytes, bytes: Buffer, offset: number): number {
  const value = bytes.readBigUInt64LE(offset);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw damaged(image.name, `it has a number as large as ${value.toString()}`);
  return Number(value);
}

/** A time that a Date can hold: what lies beyond is no time that anybody meant. */
function seconds(value: bigint): number {
  const limit = 8_000_000_000_000n;
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}

/** How the content of an inode is laid out; `compressed` and `compact` differ in their indexes. */
export type Layout = 'plain' | 'inline' | 'chunks' | 'compressed' | 'compact';

const layouts: readonly (Layout | undefined)[] = ['plain', 'compressed', 'inline', 'compact', 'chunks'];

/** One inode; places are byte offsets in the image. */
export interface Inode extends InodeFacts {
  readonly layout: Layout;
  /** The first block of its content; undefined where it is a hole. */
  readonly start: number | undefined;
  /** The format field of chunks. */
  readonly chunkFormat: number;
  readonly attributesAt: number;
  /** What follows inode and attributes: inline content, or the table of chunks. */
  readonly tailAt: number;
}

const compactSize = 32;
const extendedSize = 64;

/** @throws AgentError `invalid-image` */
export function readInode(image: ImageBytes, superblock: Superblock, nid: number): Inode {
  const at = superblock.inodesAt + nid * compactSize;
  const head = image.read(at, compactSize);
  const extended = (head.readUInt16LE(0) & 1) === 1;
  const size = extended ? extendedSize : compactSize;
  const bytes = extended ? image.read(at, size) : head;
  const format = bytes.readUInt16LE(0);
  const layout = layouts[(format >> 1) & 7];
  const mode = bytes.readUInt16LE(4);
  const kind = kindOfMode(mode);
  if (format >> 5 !== 0 || layout === undefined || kind === undefined) {
    throw damaged(image.name, `inode ${nid} has the format ${format} and the mode ${mode.toString(8)}`);
  }
  const attributesSize = sizeOfAttributes(bytes.readUInt16LE(2));
  return {
    id: nid,
    kind,
    mode: mode & 0o7777,
    ...(extended ? extendedFields(image, bytes) : compactFields(superblock, bytes)),
    layout,
    start: startOf(bytes, extended || (kind !== 'directory' && (format & 0x10) !== 0)),
    chunkFormat: bytes.readUInt16LE(16),
    attributesAt: at + size,
    attributesSize,
    tailAt: at + size + attributesSize,
  };
}

type OwnFields = Pick<Inode, 'size' | 'uid' | 'gid' | 'mtime'>;

function compactFields(superblock: Superblock, bytes: Buffer): OwnFields {
  return {
    size: bytes.readUInt32LE(8),
    mtime: superblock.epoch + bytes.readUInt32LE(12),
    uid: bytes.readUInt16LE(24),
    gid: bytes.readUInt16LE(26),
  };
}

function extendedFields(image: ImageBytes, bytes: Buffer): OwnFields {
  return {
    size: wholeNumber(image, bytes, 8),
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    mtime: seconds(bytes.readBigInt64LE(32)),
  };
}

/** @param wide whether the field of the link count holds the upper 16 bits. */
function startOf(bytes: Buffer, wide: boolean): number | undefined {
  const low = bytes.readUInt32LE(16);
  const high = wide ? bytes.readUInt16LE(6) : 0;
  const hole = low === 0xffffffff && (!wide || high === 0xffff);
  return hole ? undefined : high * 2 ** 32 + low;
}

/** A header of 12 bytes that counts as one, then 4 bytes for each more. */
function sizeOfAttributes(count: number): number {
  return count === 0 ? 0 : attributeHeaderSize + (count - 1) * 4;
}

const attributeHeaderSize = 12;

/** The header of an inode's attributes: identifiers of shared ones, then the inode's own ones to the end. */
export function sharedIdentifiers(image: ImageBytes, attributes: Buffer): { ids: readonly number[]; end: number } {
  const count = attributes.readUInt8(4);
  const end = attributeHeaderSize + count * 4;
  if (end > attributes.length) throw damaged(image.name, 'the extended attributes of a file overlap its content');
  return {
    ids: Array.from({ length: count }, (_, index) => attributes.readUInt32LE(attributeHeaderSize + index * 4)),
    end,
  };
}

/** The head of one extended attribute; its name and value follow. */
export interface AttributeHead {
  readonly nameLength: number;
  /** Which prefix the name has: 1 is `user.`. */
  readonly prefix: number;
  readonly valueLength: number;
  /** Bytes to the next attribute. */
  readonly length: number;
}

export const attributeHeadSize = 4;

export function attributeHead(bytes: Buffer): AttributeHead {
  const nameLength = bytes.readUInt8(0);
  const valueLength = bytes.readUInt16LE(2);
  const length = Math.ceil((attributeHeadSize + nameLength + valueLength) / 4) * 4;
  return { nameLength, prefix: bytes.readUInt8(1), valueLength, length };
}

const direntSize = 12;
const longestName = 255;
const slash = 0x2f;

/**
 * The entries of one block of a directory, `.` and `..` among them: heads of 12 bytes, then their names.
 * @throws AgentError `invalid-image`
 */
export function parseDirectoryBlock(image: ImageBytes, block: Buffer): DirectoryEntry[] {
  if (block.length < direntSize) throw damaged(image.name, 'a directory ends within an entry');
  const namesAt = block.readUInt16LE(8);
  if (namesAt < direntSize || namesAt % direntSize !== 0 || namesAt > block.length) {
    throw damaged(image.name, `the names of a directory begin at ${namesAt}`);
  }
  const count = namesAt / direntSize;
  return Array.from({ length: count }, (_, index) => {
    const at = index * direntSize;
    const from = block.readUInt16LE(at + 8);
    const to = index + 1 < count ? block.readUInt16LE(at + direntSize + 8) : endOfText(block, from);
    if (from < namesAt || to <= from || to > block.length || to - from > longestName) {
      throw damaged(image.name, `a directory has a name from ${from} to ${to}`);
    }
    const name = block.subarray(from, to);
    if (name.includes(0) || name.includes(slash))
      throw damaged(image.name, 'a directory has a name with a slash or NUL');
    return { name, id: wholeNumber(image, block, at) };
  });
}

/** The last name of a block ends at a NUL or with the block. */
function endOfText(block: Buffer, from: number): number {
  const end = block.indexOf(0, from);
  return end === -1 ? block.length : end;
}
