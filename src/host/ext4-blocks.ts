import type { Ext4Inode } from './ext4-format.ts';
import type { Run } from './file-system.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

/** Where the blocks of a file lie. */

/** Some blocks that follow each other in the file and in the image; from no block on they are zeros. */
interface BlockRun {
  readonly start: number | undefined;
  readonly count: number;
}

/** Finds the place of what is at an offset of a file that is not `here`. */
export function placesOf(image: ImageBytes, blockSize: number, inode: Ext4Inode): (offset: number) => Run {
  const find = inode.layout === 'extents' ? inExtents : inLists;
  return (offset) => {
    const { start, count } = find(image, blockSize, inode, Math.floor(offset / blockSize));
    const within = offset % blockSize;
    return {
      at: start === undefined ? undefined : start * blockSize + within,
      length: count * blockSize - within,
    };
  };
}

const extentMagic = 0xf30a;
const extentSize = 12;
const deepest = 5;
/** A longer extent has room and no content yet: it is zeros, and so much shorter. */
const longestWritten = 0x8000;

/** Walks down a tree of extents: nodes with a head and sorted entries, each as large as the head. */
function inExtents(image: ImageBytes, blockSize: number, inode: Ext4Inode, wanted: number): BlockRun {
  let node = inode.map;
  let depth = node.readUInt16LE(6);
  // Where what is in this node ends at the latest: the next entry above.
  let end = Infinity;
  if (depth > deepest) throw damaged(image.name, `the extents of inode ${inode.id} are ${depth} deep`);
  for (;;) {
    const { entry, next } = entryBefore(image, node, depth, inode, wanted);
    end = Math.min(end, next);
    if (depth === 0) return inLeaf(entry, wanted, end);
    if (entry === undefined) return { start: undefined, count: end - wanted };
    depth--;
    node = image.read((entry.readUInt32LE(4) + entry.readUInt16LE(8) * 2 ** 32) * blockSize, blockSize);
  }
}

/** The last entry that begins at `wanted` or before, and where the one after it begins. */
function entryBefore(
  image: ImageBytes,
  node: Buffer,
  depth: number,
  inode: Ext4Inode,
  wanted: number,
): { readonly entry: Buffer | undefined; readonly next: number } {
  const count = node.readUInt16LE(2);
  const sound = node.readUInt16LE(0) === extentMagic && node.readUInt16LE(6) === depth;
  if (!sound || (count + 1) * extentSize > node.length) {
    throw damaged(image.name, `the extents of inode ${inode.id} are damaged`);
  }
  const blockOf = (index: number) => node.readUInt32LE((index + 1) * extentSize);
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blockOf(middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  const next = low < count ? blockOf(low) : Infinity;
  return { entry: low === 0 ? undefined : node.subarray(low * extentSize, (low + 1) * extentSize), next };
}

function inLeaf(entry: Buffer | undefined, wanted: number, end: number): BlockRun {
  const length = entry?.readUInt16LE(4) ?? 0;
  const written = length <= longestWritten;
  const count = written ? length : length - longestWritten;
  const after = wanted - (entry?.readUInt32LE(0) ?? 0);
  if (entry === undefined || after >= count) return { start: undefined, count: end - wanted };
  const start = entry.readUInt32LE(8) + entry.readUInt16LE(6) * 2 ** 32;
  return { start: written ? start + after : undefined, count: count - after };
}

const direct = 12;

/** Twelve blocks, then a block that lists blocks, one that lists such, and one that lists those. */
function inLists(image: ImageBytes, blockSize: number, { id, map }: Ext4Inode, wanted: number): BlockRun {
  const perBlock = blockSize / 4;
  let index = wanted;
  if (index < direct) return run(map.readUInt32LE(index * 4), 1);
  index -= direct;
  for (let depth = 1; depth <= 3; depth++) {
    if (index < perBlock ** depth)
      return below(image, blockSize, map.readUInt32LE((direct - 1 + depth) * 4), depth, index);
    index -= perBlock ** depth;
  }
  throw damaged(image.name, `inode ${id} is larger than its lists of blocks can be`);
}

function below(image: ImageBytes, blockSize: number, list: number, depth: number, index: number): BlockRun {
  const perEntry = (blockSize / 4) ** (depth - 1);
  // No list is a hole as wide as the list could be.
  if (list === 0) return { start: undefined, count: perEntry * (blockSize / 4) - index };
  const block = image.read(list * blockSize + Math.floor(index / perEntry) * 4, 4).readUInt32LE(0);
  return depth === 1 ? run(block, 1) : below(image, blockSize, block, depth - 1, index % perEntry);
}

function run(block: number, count: number): BlockRun {
  return { start: block === 0 ? undefined : block, count };
}
