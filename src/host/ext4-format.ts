import { AgentError } from '../core/errors.ts';
import { kindOfMode } from '../core/image-entry.ts';
import { crc32c } from './crc32c.ts';
import type { InodeFacts } from './file-system.ts';
import { damaged, truncated, type ImageBytes } from './image-bytes.ts';

/**
 * The structures of ext2, ext3 and ext4 on disk, all little endian (Linux: Documentation/filesystems/ext4, fs/ext4/ext4.h).
 * Numbers from an image are checked here or where they are used as a place: ImageBytes refuses every range outside.
 */

const superblockOffset = 1024;
const superblockSize = 1024;
const magic = 0xef53;
const oldInodeSize = 128;
const oldDescriptorSize = 32;

export interface Ext4Superblock {
  readonly blockSize: number;
  readonly inodes: number;
  readonly inodeSize: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  /** Whether names in directories have lengths of one byte, followed by a byte for the kind. */
  readonly hasKinds: boolean;
  /** Where the block with a number of descriptors of groups lies, in bytes. */
  descriptorBlockAt(index: number): number;
  readonly descriptorSize: number;
}

const compatSparse2 = 0x200;
const readOnlySparse = 0x1;
const readOnlyChecksums = 0x400;

const incompat = {
  kinds: 0x2,
  recovery: 0x4,
  metaGroups: 0x10,
  wide: 0x80,
};

/** What Linux calls the features that a reader must know; those without a name here are newer than this reader. */
const incompatNames: Readonly<Record<number, string>> = {
  0x1: 'compression',
  0x4: 'needs_recovery',
  0x8: 'journal_dev',
  0x1000: 'dirdata',
};

/** filetype, meta_bg, extent, 64bit, mmp, flex_bg, ea_inode, metadata_csum_seed, large_dir, inline_data, encrypt, casefold. */
const knownIncompat = 0x2 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000;

export function isExt4(image: ImageBytes): boolean {
  return (
    image.size >= superblockOffset + superblockSize && image.read(superblockOffset + 0x38, 2).readUInt16LE(0) === magic
  );
}

/**
 * Reads and checks the superblock of an image that isExt4().
 * @throws AgentError `invalid-image`
 */
export function readExt4Superblock(image: ImageBytes): Ext4Superblock {
  const block = image.read(superblockOffset, superblockSize);
  const logarithm = block.readUInt32LE(0x18);
  if (logarithm > 6) throw damaged(image.name, `its blocks are of 2^${10 + logarithm} bytes`);
  const blockSize = 1024 * 2 ** logarithm;
  const features = block.readUInt32LE(0x60);
  const wide = (features & incompat.wide) !== 0;
  const blocks = block.readUInt32LE(4) + (wide ? block.readUInt32LE(0x150) * 2 ** 32 : 0);
  if (blocks * blockSize > image.size) throw truncated(image.name, blocks * blockSize, image.size);
  if ((block.readUInt32LE(0x64) & readOnlyChecksums) !== 0) verifyChecksum(image, block);
  refuseUnknown(image, features & ~knownIncompat);
  const inodeSize = block.readUInt32LE(0x4c) > 0 ? block.readUInt16LE(0x58) : oldInodeSize;
  const descriptorSize = wide ? block.readUInt16LE(0xfe) : oldDescriptorSize;
  checkSize(image, 'inodes', inodeSize, oldInodeSize, blockSize);
  checkSize(image, 'descriptors', descriptorSize, oldDescriptorSize, blockSize);
  const [inodesPerGroup, blocksPerGroup] = [block.readUInt32LE(0x28), block.readUInt32LE(0x20)];
  if (inodesPerGroup === 0 || blocksPerGroup === 0) throw damaged(image.name, 'its groups are empty');
  return {
    blockSize,
    inodes: block.readUInt32LE(0),
    inodeSize,
    inodesPerGroup,
    groups: Math.ceil((blocks - block.readUInt32LE(0x14)) / blocksPerGroup),
    hasKinds: (features & incompat.kinds) !== 0,
    descriptorBlockAt: descriptorPlaces(block, blockSize, blockSize / descriptorSize, blocksPerGroup),
    descriptorSize,
  };
}

function checkSize({ name }: ImageBytes, what: string, size: number, least: number, most: number): void {
  const sound = size >= least && size <= most && Number.isInteger(Math.log2(size));
  if (!sound) throw damaged(name, `its ${what} are of ${size} bytes`);
}

function verifyChecksum({ name }: ImageBytes, block: Buffer): void {
  if (crc32c(block.subarray(0, 0x3fc)) !== block.readUInt32LE(0x3fc)) {
    throw damaged(name, 'the checksum of its superblock does not match');
  }
}

function refuseUnknown({ name }: ImageBytes, unknown: number): void {
  if (unknown === 0) return;
  const bits = Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => (unknown & bit) !== 0);
  const names = bits.map((bit) => incompatNames[bit] ?? `0x${bit.toString(16)}`).join(', ');
  const dirty = (unknown & incompat.recovery) !== 0;
  throw new AgentError('invalid-image', `${name} is an ext4 image with features that are not read here: ${names}`, {
    next: dirty
      ? 'It was not unmounted: `e2fsck IMAGE` replays its journal.'
      : 'Make the image without them, or as erofs or squashfs.',
  });
}

/**
 * Descriptors follow the superblock in the first group; with meta groups, from one of them on, each block of them lies
 * in the first group that it describes, behind the copy of the superblock that may be there.
 */
function descriptorPlaces(
  block: Buffer,
  blockSize: number,
  perBlock: number,
  blocksPerGroup: number,
): Ext4Superblock['descriptorBlockAt'] {
  const first = block.readUInt32LE(0x14);
  const metaGroups = (block.readUInt32LE(0x60) & incompat.metaGroups) !== 0;
  const firstMeta = block.readUInt32LE(0x104);
  const superblockBlock = Math.floor(superblockOffset / blockSize);
  return (index) => {
    if (!metaGroups || index < firstMeta) return (superblockBlock + 1 + index) * blockSize;
    const group = index * perBlock;
    return (first + group * blocksPerGroup + (hasSuperblock(block, group) ? 1 : 0)) * blockSize;
  };
}

function hasSuperblock(block: Buffer, group: number): boolean {
  if (group === 0) return true;
  if ((block.readUInt32LE(0x5c) & compatSparse2) !== 0) {
    return group === block.readUInt32LE(0x24c) || group === block.readUInt32LE(0x250);
  }
  if ((block.readUInt32LE(0x64) & readOnlySparse) === 0) return true;
  return group === 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  for (let power = base; power <= value; power *= base) if (power === value) return true;
  return false;
}

/** One inode; places are byte offsets in the image. */
export interface Ext4Inode extends InodeFacts {
  /** Where its blocks lie, as one of three: a tree of extents, lists of blocks, or a short content itself. */
  readonly layout: 'extents' | 'blocks' | 'here';
  /** The 60 bytes that say where, or are the content. */
  readonly map: Buffer;
  /** The part of the inode that holds extended attributes. */
  readonly attributes: Buffer;
  /** The block with more of them; 0 for none. */
  readonly attributeBlock: number;
}

const flags = { encrypted: 0x800, extents: 0x80000, inline: 0x10000000 };
const mapSize = 60;

/** @throws AgentError `invalid-image` */
export function readExt4Inode(image: ImageBytes, superblock: Ext4Superblock, id: number): Ext4Inode {
  const bytes = image.read(inodeAt(image, superblock, id), superblock.inodeSize);
  const mode = bytes.readUInt16LE(0);
  const kind = kindOfMode(mode);
  if (kind === undefined) throw damaged(image.name, `inode ${id} has the mode ${mode.toString(8)}`);
  const flag = bytes.readUInt32LE(0x20);
  if ((flag & flags.encrypted) !== 0) {
    throw new AgentError('invalid-image', `${image.name} has encrypted files, which nobody can read without their key`);
  }
  const high = kind === 'file' || kind === 'directory' ? bytes.readUInt32LE(0x6c) : 0;
  const size = bytes.readUInt32LE(4) + high * 2 ** 32;
  if (!Number.isSafeInteger(size)) throw damaged(image.name, `inode ${id} has ${size} bytes`);
  const extra = superblock.inodeSize > oldInodeSize ? bytes.readUInt16LE(0x80) : 0;
  const attributes = bytes.subarray(Math.min(oldInodeSize + extra, bytes.length));
  const attributeBlock = bytes.readUInt32LE(0x68) + bytes.readUInt16LE(0x76) * 2 ** 32;
  return {
    id,
    kind,
    mode: mode & 0o7777,
    uid: bytes.readUInt16LE(2) + bytes.readUInt16LE(0x78) * 0x10000,
    gid: bytes.readUInt16LE(0x18) + bytes.readUInt16LE(0x7a) * 0x10000,
    size,
    // The lowest bits of the field after the old ones take the seconds beyond 2038.
    mtime: bytes.readInt32LE(0x10) + (extra >= 12 ? (bytes.readUInt32LE(0x88) & 3) * 2 ** 32 : 0),
    layout: layoutOf(kind, size, flag),
    map: bytes.subarray(0x28, 0x28 + mapSize),
    attributes,
    attributeBlock,
    attributesSize: attributes.length + (attributeBlock === 0 ? 0 : superblock.blockSize),
  };
}

/** The target of a short link stands in place of the map. */
function layoutOf(kind: Ext4Inode['kind'], size: number, flag: number): Ext4Inode['layout'] {
  if ((flag & flags.inline) !== 0) return 'here';
  if ((flag & flags.extents) !== 0) return 'extents';
  return kind === 'symlink' && size < mapSize ? 'here' : 'blocks';
}

function inodeAt(image: ImageBytes, superblock: Ext4Superblock, id: number): number {
  const { inodes, inodesPerGroup, groups, descriptorSize, blockSize, inodeSize } = superblock;
  const group = Math.floor((id - 1) / inodesPerGroup);
  if (id < 1 || id > inodes || group >= groups) throw damaged(image.name, `a name leads to inode ${id} of ${inodes}`);
  const perBlock = blockSize / descriptorSize;
  const at = superblock.descriptorBlockAt(Math.floor(group / perBlock)) + (group % perBlock) * descriptorSize;
  const descriptor = image.read(at, descriptorSize);
  const table = descriptor.readUInt32LE(8) + (descriptorSize >= 64 ? descriptor.readUInt32LE(0x28) * 2 ** 32 : 0);
  return table * blockSize + ((id - 1) % inodesPerGroup) * inodeSize;
}
