import { clusterMap, clusterTypes, type Cluster, type ClusterMap } from './erofs-clusters.ts';
import type { Inode, Superblock } from './erofs-format.ts';
import { bytesOf, damaged, type ImageBytes } from './image-bytes.ts';
import { decompressLz4 } from './lz4.ts';

const paddedAtFront = 0x1;
/** What Linux reads at most (fs/erofs/internal.h): bytes that an extent has, and that it is packed in. */
const largestExtent = 12 * 1024 * 1024;
const largestPacked = 1024 * 1024;

/** One part of a file that is compressed on its own. */
interface Extent {
  /** Where it lies in the file. */
  readonly from: number;
  readonly to: number;
  readonly head: Cluster;
  readonly headIndex: number;
}

/**
 * The content of a file that is compressed by LZ4, of which only the parts that are asked for are decompressed.
 * @returns undefined where another algorithm was used, or what clusterMap() does not read.
 */
export function compressedContent(image: ImageBytes, superblock: Superblock, inode: Inode): ImageBytes | undefined {
  const map = clusterMap(image, superblock, inode);
  if (map?.algorithms !== 0) return undefined;
  const extentAt = keepingExtents((offset) => {
    const extent = findExtent(image, map, inode.size, offset);
    return { from: extent.from, to: extent.to, bytes: unpack(image, superblock, map, inode, extent) };
  });
  return bytesOf(image.name, inode.size, (offset, length) => {
    const output = Buffer.alloc(length);
    for (let at = offset; at < offset + length;) {
      const { from, to, bytes } = extentAt(at);
      const end = Math.min(to, offset + length);
      bytes.copy(output, at - offset, at - from, end - from);
      at = end;
    }
    return output;
  });
}

interface UnpackedExtent extends Pick<Extent, 'from' | 'to'> {
  readonly bytes: Buffer;
}

/** As much of a file is kept unpacked, so that readers may go to and fro between some places. */
const mostKept = 256 * 1024;

function keepingExtents(unpackAt: (offset: number) => UnpackedExtent): (offset: number) => UnpackedExtent {
  const kept: UnpackedExtent[] = [];
  return (offset) => {
    const known = kept.find(({ from, to }) => offset >= from && offset < to);
    if (known !== undefined) return known;
    const extent = unpackAt(offset);
    kept.push(extent);
    while (kept.length > 1 && sizeOf(kept) > mostKept) kept.shift();
    return extent;
  };
}

function sizeOf(extents: readonly UnpackedExtent[]): number {
  return extents.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function findExtent(image: ImageBytes, map: ClusterMap, size: number, offset: number): Extent {
  const clusterSize = 2 ** map.clusterBits;
  const headIndex = headBefore(image, map, offset);
  const head = map.cluster(headIndex);
  const from = headIndex * clusterSize + head.offset;
  const to = endOf(image, map, headIndex, size);
  if (from > offset || to <= offset || head.offset >= clusterSize || to - from > largestExtent) {
    throw damaged(image.name, `a compressed file has an extent from ${from} to ${to}`);
  }
  return { from, to, head, headIndex };
}

/** The cluster in which the extent begins that has the byte at `offset`. */
function headBefore(image: ImageBytes, map: ClusterMap, offset: number): number {
  const clusterSize = 2 ** map.clusterBits;
  const first = Math.floor(offset / clusterSize);
  let index = first;
  let cluster = map.cluster(index);
  // What lies before the head of its own cluster belongs to the extent before.
  let back = cluster.type !== clusterTypes.none && offset % clusterSize < cluster.offset ? 1 : cluster.back;
  while (cluster.type === clusterTypes.none || back > 0) {
    index -= back;
    if (back === 0 || index < 0 || (first - index) * clusterSize > largestExtent) {
      throw damaged(image.name, 'the index of a compressed file leads to no head');
    }
    cluster = map.cluster(index);
    ({ back } = cluster);
  }
  return index;
}

/** An extent ends where the next one begins, or with the file. */
function endOf(image: ImageBytes, map: ClusterMap, headIndex: number, size: number): number {
  const clusterSize = 2 ** map.clusterBits;
  for (let index = headIndex + 1; index < map.count; index++) {
    const { type, offset } = map.cluster(index);
    if (type !== clusterTypes.none) return Math.min(index * clusterSize + offset, size);
    if ((index - headIndex) * clusterSize > largestExtent) {
      throw damaged(image.name, 'a compressed file has an extent without end');
    }
  }
  return size;
}

function unpack(
  image: ImageBytes,
  superblock: Superblock,
  map: ClusterMap,
  inode: Inode,
  { from, to, head, headIndex }: Extent,
): Buffer {
  const inline = map.inlineSize > 0 && to === inode.size;
  const at = inline ? map.cluster(map.count - 1).end : head.block * superblock.blockSize;
  if (head.type === clusterTypes.plain) return image.read(at, to - from);
  const packedSize = inline ? map.inlineSize : packedBlocks(image, map, superblock, headIndex) * superblock.blockSize;
  if (packedSize > largestPacked) throw damaged(image.name, `a compressed file has ${packedSize} bytes in one piece`);
  const packed = image.read(at, packedSize);
  const margin = (superblock.features & paddedAtFront) === 0 ? 0 : packed.findIndex((byte) => byte !== 0);
  const bytes = margin < 0 ? undefined : decompressLz4(packed.subarray(margin), to - from);
  if (bytes === undefined) throw damaged(image.name, `the LZ4 data of inode ${inode.id} is damaged`);
  return bytes;
}

/** How many blocks an extent is packed in: its second cluster says it, where it may be more than one. */
function packedBlocks(image: ImageBytes, map: ClusterMap, superblock: Superblock, headIndex: number): number {
  const one = 2 ** (map.clusterBits - superblock.blockBits);
  if (!map.bigClusters || headIndex + 1 >= map.count) return one;
  const { type, blocks } = map.cluster(headIndex + 1);
  if (type !== clusterTypes.none) return one;
  if (blocks === undefined || blocks === 0) {
    throw damaged(image.name, 'the index of a compressed file does not say how long an extent is');
  }
  return blocks;
}
