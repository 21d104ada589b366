import { attributeHead, attributeHeadSize, sharedIdentifiers, type Inode, type Superblock } from './erofs-format.ts';
import { splitAttribute } from './file-system.ts';
import { damaged, type ImageBytes } from './image-bytes.ts';

/**
 * The extended attribute of this name: among those beside the inode, else among those that files share.
 * @throws AgentError `invalid-image`
 */
export function attributeIn(image: ImageBytes, superblock: Superblock, inode: Inode, name: string): Buffer | undefined {
  if (inode.attributesSize === 0) return undefined;
  const attributes = image.read(inode.attributesAt, inode.attributesSize);
  const { ids, end } = sharedIdentifiers(image, attributes);
  return (
    amongOwn(image, attributes.subarray(end), name) ??
    ids.map((id) => valueAt(image, superblock.attributesAt + id * 4, name)).find((value) => value !== undefined)
  );
}

function amongOwn(image: ImageBytes, attributes: Buffer, name: string): Buffer | undefined {
  for (let at = 0; at + attributeHeadSize <= attributes.length;) {
    const head = attributeHead(attributes.subarray(at));
    if (at + head.length > attributes.length) throw damaged(image.name, 'an extended attribute overlaps a content');
    const value = valueIf(attributes.subarray(at, at + head.length), name);
    if (value !== undefined) return value;
    at += head.length;
  }
  return undefined;
}

/** Many files can share a long value: it is read only where it is wanted. */
function valueAt(image: ImageBytes, at: number, name: string): Buffer | undefined {
  const { prefix, nameLength, valueLength } = attributeHead(image.read(at, attributeHeadSize));
  const wanted = splitAttribute(name);
  if (prefix !== wanted.prefix || nameLength !== Buffer.byteLength(wanted.rest)) return undefined;
  return valueIf(image.read(at, attributeHeadSize + nameLength + valueLength), name);
}

function valueIf(attribute: Buffer, name: string): Buffer | undefined {
  const { prefix, nameLength, valueLength } = attributeHead(attribute);
  const wanted = splitAttribute(name);
  const valueFrom = attributeHeadSize + nameLength;
  if (prefix !== wanted.prefix || attribute.toString('utf8', attributeHeadSize, valueFrom) !== wanted.rest) {
    return undefined;
  }
  return attribute.subarray(valueFrom, valueFrom + valueLength);
}
