import { attributeIn } from './erofs-attributes.ts';
import { compressedContent } from './erofs-compressed.ts';
import { parseDirectoryBlock, readInode, readSuperblock, type Inode, type Superblock } from './erofs-format.ts';
import { contentOfRuns, directoryContent, type DirectoryEntry, type FileSystem, type Run } from './file-system.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

/**
 * Reads an erofs image without mounting it: directories, links, attributes and every content that is not compressed, or
 * is by LZ4. The image may be hostile: each place is checked.
 */
export interface Erofs extends FileSystem<Inode> {
  readonly superblock: Superblock;
}

const dot = 0x2e;

/**
 * Opens an image that isErofs(). Where `superblock.unknownFeatures` is not 0, nothing else may be read.
 * @throws AgentError `invalid-image`, as everything here does for an image that contradicts itself.
 */
export function openErofs(image: ImageBytes): Erofs {
  const superblock = readSuperblock(image);
  const erofs: Erofs = {
    image,
    superblock,
    rootId: superblock.rootNid,
    inode: (id) => readInode(image, superblock, id),
    entriesOf: (directory) => entriesOf(erofs, directory),
    contentOf: (inode) => contentOf(erofs, inode),
    attribute: (inode, name) => attributeIn(image, superblock, inode, name),
  };
  return erofs;
}

/**
 * The entries of a directory but `.` and `..`. The kernel finds a name by halving, so what is not in order would be
 * one tree to it and another to us.
 */
function entriesOf(erofs: Erofs, directory: Inode): DirectoryEntry[] {
  const { image, superblock } = erofs;
  if (directory.layout === 'chunks' || directory.layout === 'compressed') {
    throw damaged(image.name, 'a directory is compressed or in chunks');
  }
  const content = directoryContent(erofs, directory);
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

function contentOf(erofs: Erofs, inode: Inode): ImageBytes | undefined {
  const { image, superblock } = erofs;
  switch (inode.layout) {
    case 'plain':
      return contentOfRuns(image, inode.size, (offset) =>
        blocksAt(superblock, inode.start, offset, inode.size - offset),
      );
    case 'inline':
      return inlineContent(erofs, inode);
    case 'chunks':
      return chunkedContent(erofs, inode);
    case 'compact':
    case 'compressed':
      return compressedContent(image, superblock, inode);
  }
}

function blocksAt({ blockSize }: Superblock, start: number | undefined, offset: number, length: number): Run {
  return { at: start === undefined ? undefined : start * blockSize + offset, length };
}

/** All but the last block lie apart; the last one follows the inode, within one block. */
function inlineContent({ image, superblock }: Erofs, inode: Inode): ImageBytes {
  const { blockSize } = superblock;
  const apart = Math.max(0, Math.ceil(inode.size / blockSize) - 1) * blockSize;
  if ((inode.tailAt % blockSize) + inode.size - apart > blockSize) {
    throw damaged(image.name, `the content of inode ${inode.id} crosses the end of its block`);
  }
  return contentOfRuns(image, inode.size, (offset) =>
    offset < apart
      ? blocksAt(superblock, inode.start, offset, apart - offset)
      : { at: inode.tailAt + offset - apart, length: inode.size - offset },
  );
}

const chunkBitsMask = 0x1f;
const chunkIndexes = 0x20;
const hole = 0xffffffff;

/** A table of chunks follows the inode: block numbers, or records of 8 bytes that also name a device. */
function chunkedContent({ image, superblock }: Erofs, inode: Inode): ImageBytes {
  const chunkSize = superblock.blockSize * 2 ** (inode.chunkFormat & chunkBitsMask);
  const record = (inode.chunkFormat & chunkIndexes) === 0 ? 4 : 8;
  const tableAt = Math.ceil(inode.tailAt / record) * record;
  return contentOfRuns(image, inode.size, (offset) => {
    const bytes = image.read(tableAt + Math.floor(offset / chunkSize) * record, record);
    if (record === 8 && bytes.readUInt16LE(2) !== 0) throw damaged(image.name, 'it needs a second file');
    const low = bytes.readUInt32LE(record - 4);
    const high = record === 8 && low !== hole ? bytes.readUInt16LE(0) : 0;
    const within = offset % chunkSize;
    return blocksAt(superblock, low === hole ? undefined : high * 2 ** 32 + low, within, chunkSize - within);
  });
}
