import type { Ext4Inode, Ext4Superblock } from './ext4-format.ts';
import { splitAttribute } from './file-system.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

const magic = 0xea020000;
const blockHeadSize = 32;
const entrySize = 16;

/**
 * An extended attribute by its whole name: in the inode, else in the block that is for them.
 * @param valueIn reads a value that is a file of its own, by the number of its inode.
 * @throws AgentError `invalid-image`
 */
export function attributeOf(
  image: ImageBytes,
  { blockSize }: Ext4Superblock,
  { attributes, attributeBlock }: Ext4Inode,
  name: string,
  valueIn?: (id: number) => Buffer,
): Buffer | undefined {
  const inInode = attributes.length >= 4 && attributes.readUInt32LE(0) === magic;
  const own = inInode ? find(image, attributes.subarray(4), 0, name, valueIn) : undefined;
  if (own !== undefined || attributeBlock === 0) return own;
  const block = image.read(attributeBlock * blockSize, blockSize);
  if (block.readUInt32LE(0) !== magic) throw damaged(image.name, 'a block of extended attributes is none');
  return find(image, block, blockHeadSize, name, valueIn);
}

/** Entries lie from `first` on, up to four zeros; values where the entries say, counted from the beginning. */
function find(
  image: ImageBytes,
  bytes: Buffer,
  first: number,
  name: string,
  valueIn?: (id: number) => Buffer,
): Buffer | undefined {
  const { prefix, rest } = splitAttribute(name);
  for (let at = first; at + entrySize <= bytes.length && bytes.readUInt32LE(at) !== 0;) {
    const nameLength = bytes.readUInt8(at);
    const nameAt = at + entrySize;
    if (bytes.readUInt8(at + 1) === prefix && bytes.toString('utf8', nameAt, nameAt + nameLength) === rest) {
      return valueOf(image, bytes, at, valueIn);
    }
    at = nameAt + Math.ceil(nameLength / 4) * 4;
  }
  return undefined;
}

function valueOf(image: ImageBytes, bytes: Buffer, at: number, valueIn?: (id: number) => Buffer): Buffer {
  const inode = bytes.readUInt32LE(at + 4);
  if (inode !== 0 && valueIn !== undefined) return valueIn(inode);
  const from = bytes.readUInt16LE(at + 2);
  const end = from + bytes.readUInt32LE(at + 8);
  if (end > bytes.length) throw damaged(image.name, `an extended attribute ends at ${end} of ${bytes.length}`);
  return bytes.subarray(from, end);
}
