import type { Inode, Superblock } from './erofs-format.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

/**
 * The indexes of compressed files (Linux: fs/erofs/erofs_fs.h, fs/erofs/zmap.c). A file is cut into logical clusters of
 * one size, mostly a block. In each of them at most one extent begins, which is compressed on its own: the index says
 * where in the cluster it begins and where it is packed, or that none begins there and how far back one does.
 */

export const clusterTypes = { plain: 0, head: 1, none: 2, otherHead: 3 } as const;

/** What the index says of one logical cluster. */
export interface Cluster {
  readonly type: number;
  /** Where in the cluster an extent begins. */
  readonly offset: number;
  /** The block where it is packed. */
  readonly block: number;
  /** How many clusters before this one the extent began, where none begins here. */
  readonly back: number;
  /** How many blocks the extent is packed in; undefined where this cluster does not say it. */
  readonly blocks: number | undefined;
  /** Where what follows this part of the index lies, in bytes of the image. */
  readonly end: number;
}

/** The head of the indexes of one file. */
export interface ClusterMap {
  readonly clusterBits: number;
  readonly count: number;
  /** The algorithms of the two kinds of heads; 0 is LZ4. */
  readonly algorithms: number;
  readonly bigClusters: boolean;
  /** The size of the last extent, where it is packed behind the indexes; 0 where it is not. */
  readonly inlineSize: number;
  cluster(index: number): Cluster;
}

const headerSize = 8;
const advice = {
  compacted2: 0x1,
  bigClusters: 0x2,
  otherBigClusters: 0x4,
  inline: 0x8,
  interlaced: 0x10,
  fragment: 0x20,
};
const headerFeatures = 0x2 | 0x10 | 0x20;
const fragmentOnly = 0x80;

/**
 * Reads the head of the indexes of a compressed inode; undefined where it has what is not read here: parts in a file
 * that is packed apart, data that wraps around, and indexes of newer kinds.
 */
export function clusterMap(image: ImageBytes, superblock: Superblock, inode: Inode): ClusterMap | undefined {
  const headerAt = Math.ceil(inode.tailAt / 8) * 8;
  const compact = inode.layout === 'compact';
  const header = image.read(headerAt, headerSize);
  // Before there were features of this kind, the head was not there to be read.
  if (!compact && (superblock.features & headerFeatures) === 0) header.fill(0);
  const advise = header.readUInt16LE(4);
  const newer = compact ? 0 : advice.compacted2;
  const known = advice.compacted2 | advice.bigClusters | advice.otherBigClusters | advice.inline;
  if ((advise & (~known | newer)) !== 0 || (header.readUInt8(7) & fragmentOnly) !== 0) return undefined;
  const clusterBits = superblock.blockBits + (header.readUInt8(7) & 7);
  const count = Math.ceil(inode.size / 2 ** clusterBits);
  const index = { image, clusterBits, count, advise, at: headerAt + (compact ? headerSize : 2 * headerSize) };
  return {
    clusterBits,
    count,
    algorithms: header.readUInt8(6),
    bigClusters: (advise & (advice.bigClusters | advice.otherBigClusters)) !== 0,
    inlineSize: (advise & advice.inline) === 0 ? 0 : header.readUInt16LE(2),
    cluster: (number) => (compact ? compactCluster(index, number) : fullCluster(index, number)),
  };
}

interface Index {
  readonly image: ImageBytes;
  readonly clusterBits: number;
  readonly count: number;
  readonly advise: number;
  /** Where the first index lies. */
  readonly at: number;
}

/** Marks a distance that is a count of blocks. */
const isBlockCount = 0x800;

/** An index of 8 bytes. */
function fullCluster({ image, at, clusterBits }: Index, number: number): Cluster {
  const bytes = image.read(at + number * 8, 8);
  const type = bytes.readUInt16LE(0) & 3;
  const end = at + (number + 1) * 8;
  if (type !== clusterTypes.none) {
    const offset = bytes.readUInt16LE(2);
    return { type, offset, block: bytes.readUInt32LE(4), back: 0, blocks: undefined, end };
  }
  const distance = bytes.readUInt16LE(4);
  return { type, offset: 2 ** clusterBits, block: 0, ...backOrBlocks(distance, distance), end };
}

function backOrBlocks(value: number, back: number): Pick<Cluster, 'back' | 'blocks'> {
  const counts = (value & isBlockCount) !== 0;
  return counts ? { back: 1, blocks: value & ~isBlockCount } : { back, blocks: undefined };
}

/** Some indexes together: equal counts of bits for each, then the block before the first of them that is packed. */
interface Pack {
  readonly bytes: Buffer;
  readonly bits: number;
  readonly lowBits: number;
  readonly count: number;
  /** Where the pack ends in the image. */
  readonly end: number;
}

/** An index of 4 or 2 bytes on average: packs of two until there is room for packs of 16, and again after them. */
function compactCluster(index: Index, number: number): Cluster {
  const { image, at, count, advise, clusterBits } = index;
  const initial = Math.min(((32 - (at % 32)) / 4) & 7, count);
  const dense = (advise & advice.compacted2) === 0 ? 0 : Math.floor((count - initial) / 16) * 16;
  const afterInitial = number - initial;
  if (afterInitial < 0) return inPack(index, packAt(image, at + number * 4, 4, 2, clusterBits), at + number * 4);
  if (afterInitial < dense) {
    if (clusterBits > 12) throw damaged(image.name, 'its indexes are too dense for the size of its clusters');
    const place = at + initial * 4 + afterInitial * 2;
    return inPack(index, packAt(image, place, 2, 16, clusterBits), place);
  }
  const place = at + initial * 4 + dense * 2 + (afterInitial - dense) * 4;
  return inPack(index, packAt(image, place, 4, 2, clusterBits), place);
}

function packAt(image: ImageBytes, place: number, average: number, count: number, clusterBits: number): Pack {
  const size = count * average;
  const from = place - (place % size);
  const lowBits = Math.max(clusterBits, 12);
  return { bytes: image.read(from, size), bits: ((size - 4) * 8) / count, lowBits, count, end: from + size };
}

/** The two fields of one index of a pack, which have 16 bits at most. */
function fieldsOf({ bytes, bits, lowBits }: Pack, index: number): { readonly type: number; readonly low: number } {
  const at = bits * index;
  const byte = (offset: number) => bytes[(at >> 3) + offset] ?? 0;
  const value = (byte(0) | (byte(1) << 8) | (byte(2) << 16)) >> (at & 7);
  return { type: (value >> lowBits) & 3, low: value & (2 ** lowBits - 1) };
}

function inPack(index: Index, pack: Pack, place: number): Cluster {
  const { image, clusterBits, advise } = index;
  const size = pack.bytes.length;
  const number = ((place % size) / size) * pack.count;
  const { type, low } = fieldsOf(pack, number);
  const { end } = pack;
  if (type === clusterTypes.none) {
    return { type, offset: 2 ** clusterBits, block: 0, ...backOrBlocks(low, distanceIn(pack, number, low)), end };
  }
  const big = (advise & advice.bigClusters) !== 0;
  const before = big ? bigBlocksBefore(image, pack, number) : blocksBefore(pack, number);
  return { type, offset: low, block: pack.bytes.readUInt32LE(size - 4) + before, back: 0, blocks: undefined, end };
}

/** The last index of a pack says how far it is to the next head: how far back the last one is, the one before says. */
function distanceIn(pack: Pack, number: number, low: number): number {
  if (number + 1 !== pack.count) return low;
  const previous = fieldsOf(pack, number - 1);
  if (previous.type !== clusterTypes.none) return 1;
  return ((previous.low & isBlockCount) !== 0 ? 1 : previous.low) + 1;
}

/** How many blocks after the block of the pack the extent is packed: one for each head up to it. */
function blocksBefore(pack: Pack, number: number): number {
  let blocks = 1;
  for (let at = number; at > 0;) {
    at--;
    const { type, low } = fieldsOf(pack, at);
    if (type === clusterTypes.none) at -= low;
    if (at >= 0) blocks++;
  }
  return blocks;
}

/** The same where extents may be packed in several blocks, the count of which follows the head. */
function bigBlocksBefore(image: ImageBytes, pack: Pack, number: number): number {
  let blocks = 0;
  for (let at = number; at > 0;) {
    at--;
    const { type, low } = fieldsOf(pack, at);
    if (type !== clusterTypes.none) blocks++;
    else if ((low & isBlockCount) !== 0) {
      at--;
      blocks += low & ~isBlockCount;
    } else if (low <= 1) throw damaged(image.name, 'the index of a compressed file has no head');
    else at -= low - 2;
  }
  return blocks;
}
