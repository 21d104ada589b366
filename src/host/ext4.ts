import { attributeOf } from './ext4-attributes.ts';
import { placesOf } from './ext4-blocks.ts';
import { readExt4Inode, readExt4Superblock, type Ext4Inode, type Ext4Superblock } from './ext4-format.ts';
import { contentOfRuns, directoryContent, type DirectoryEntry, type FileSystem } from './file-system.ts';
import { damaged, imageBytesOf, type ImageBytes } from './image-bytes.ts';

/** Reads an image of ext2, ext3 or ext4 without mounting it. The image may be hostile: each place is checked. */
export interface Ext4 extends FileSystem<Ext4Inode> {
  readonly superblock: Ext4Superblock;
}

const rootId = 2;

/**
 * Opens an image that isExt4().
 * @throws AgentError `invalid-image`, for features that are not known here too.
 */
export function openExt4(image: ImageBytes): Ext4 {
  const superblock = readExt4Superblock(image);
  const ext4: Ext4 = {
    image,
    superblock,
    rootId,
    inode: (id) => readExt4Inode(image, superblock, id),
    entriesOf: (directory) => entriesOf(ext4, directory),
    contentOf: (inode) => contentOf(ext4, inode),
    attribute: (inode, name) => attributeOf(image, superblock, inode, name, (id) => valueIn(ext4, id)),
  };
  return ext4;
}

function contentOf({ image, superblock }: Ext4, inode: Ext4Inode): ImageBytes {
  if (inode.layout !== 'here') {
    return contentOfRuns(image, inode.size, placesOf(image, superblock.blockSize, inode));
  }
  if (inode.size <= inode.map.length) return imageBytesOf(image.name, inode.map.subarray(0, inode.size));
  const content = Buffer.concat([inode.map, attributeOf(image, superblock, inode, 'system.data') ?? Buffer.alloc(0)]);
  // What is not written is zeros, in a block at most.
  if (inode.size > Math.max(content.length, superblock.blockSize)) {
    throw damaged(image.name, `inode ${inode.id} has less content than it says`);
  }
  const whole = Buffer.alloc(inode.size);
  content.copy(whole);
  return imageBytesOf(image.name, whole);
}

const largestValue = 64 * 1024;

/** A value of an extended attribute that is a file of its own. */
function valueIn(ext4: Ext4, id: number): Buffer {
  const inode = ext4.inode(id);
  if (inode.size > largestValue) throw damaged(ext4.image.name, `an extended attribute has ${inode.size} bytes`);
  return contentOf(ext4, inode).read(0, inode.size);
}

/** Indexes of large directories look like blocks without names: reading all of them in order passes over those. */
function entriesOf(ext4: Ext4, directory: Ext4Inode): DirectoryEntry[] {
  const { image, superblock } = ext4;
  const content = directoryContent(ext4, directory);
  const parts = directory.layout === 'here' ? inlineParts(content, directory) : blocksOf(content, superblock.blockSize);
  const entries = parts.flatMap((part) => parsePart(image, superblock, part));
  const sorted = entries.filter(({ name }) => !isDot(name)).sort((a, b) => a.name.compare(b.name));
  const twice = sorted.find(({ name }, index) => sorted[index + 1]?.name.equals(name));
  if (twice !== undefined) throw damaged(image.name, `a directory has ${twice.name.toString()} twice`);
  return sorted;
}

function isDot(name: Buffer): boolean {
  return name.length <= 2 && name.every((byte) => byte === 0x2e);
}

/** A directory inside of its inode begins with the number of the directory above. */
function inlineParts(content: Buffer, { map }: Ext4Inode): Buffer[] {
  return [content.subarray(4, map.length), content.subarray(map.length)];
}

function blocksOf(content: Buffer, blockSize: number): Buffer[] {
  const count = Math.ceil(content.length / blockSize);
  return Array.from({ length: count }, (_, index) => content.subarray(index * blockSize, (index + 1) * blockSize));
}

const headSize = 8;
const slash = 0x2f;

function parsePart(image: ImageBytes, { hasKinds }: Ext4Superblock, part: Buffer): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at + headSize <= part.length;) {
    const id = part.readUInt32LE(at);
    const length = entryLength(part.readUInt16LE(at + 4));
    const nameLength = hasKinds ? part.readUInt8(at + 6) : part.readUInt16LE(at + 6);
    const end = at + headSize + nameLength;
    if (length < headSize || at + length > part.length || end > at + length) {
      throw damaged(image.name, `a directory has an entry of ${length} bytes with a name of ${nameLength}`);
    }
    const name = part.subarray(at + headSize, end);
    at += length;
    if (id === 0) continue;
    if (nameLength === 0 || nameLength > 255 || name.includes(0) || name.includes(slash)) {
      throw damaged(image.name, 'a directory has a name that is empty, too long, or has a slash or NUL');
    }
    entries.push({ name, id });
  }
  return entries;
}

/** 16 bits cannot say 65536, the size of the largest blocks: two other values do. */
function entryLength(value: number): number {
  return value === 0xffff || value === 0 ? 0x10000 : value;
}
