import { AgentError } from '../core/errors.ts';
import { openErofs } from '../host/erofs.ts';
import { isErofs } from '../host/erofs-format.ts';
import { openExt4 } from '../host/ext4.ts';
import { isExt4 } from '../host/ext4-format.ts';
import { fileStatus } from '../host/files.ts';
import { isGpt, readPartitions } from '../host/gpt.ts';
import { openImageBytes, sliceOf, type ImageBytes } from '../host/image-bytes.ts';
import { isSquashfs } from '../host/squashfs.ts';
import { checkBtrfsSize, copyFromImage, isBtrfs } from './dissect.ts';
import { unpackErofs } from './erofs-unpacking.ts';
import { hostArchitecture } from './host-release.ts';
import { directoryTree, inTemporaryDirectory, type ImageTree, type Tools } from './image-tree.ts';
import { inodeTree } from './inode-tree.ts';
import { choosePartition, mountedOnUsr } from './partitions.ts';
import { squashfsTree } from './squashfs-tree.ts';

/**
 * Opens an image, lets `use` look into it, and closes it whatever happens.
 * @throws AgentError `no-such-file`, `invalid-image`, or one that says what this host lacks.
 */
export async function openTree<T>(path: string, tools: Tools, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  // A path that begins with a dash would be an option to the programs that get it.
  const name = path.startsWith('-') ? `./${path}` : path;
  if (fileStatus(name)?.isDirectory() === true) return use(directoryTree(name, 'directory', tools));
  using image = openImageBytes(name);
  const format = formatOf(image);
  if (format === undefined) throw noImage(image, 'neither erofs, squashfs, ext4, btrfs nor a GPT disk image');
  if (format === 'GPT') return await useDisk(image, tools, use);
  const tree = await treeOf(image, format, tools);
  return tree === undefined ? await useCopy(image, tools, use) : await use(tree);
}

/**
 * The file system that an image is, where it is one and no disk image.
 * @throws AgentError `no-such-file`, `invalid-image` where it says that it is several at once.
 */
export function fileSystemOf(path: string): SingleFormat | undefined {
  using image = openImageBytes(path);
  const format = formatOf(image);
  return format === 'GPT' ? undefined : format;
}

type SingleFormat = 'erofs' | 'squashfs' | 'btrfs' | 'ext4';

/** The one format whose signature the file has: what carries two would be one image to us and another to systemd. */
function formatOf(image: ImageBytes): SingleFormat | 'GPT' | undefined {
  const found = [
    ...(isErofs(image) ? ['erofs' as const] : []),
    ...(isSquashfs(image) ? ['squashfs' as const] : []),
    ...(isGpt(image) ? ['GPT' as const] : []),
    ...(isBtrfs(image) ? ['btrfs' as const] : []),
  ];
  const [format, other] = found;
  if (other !== undefined) {
    const names = `${format ?? ''} and ${other}`;
    throw new AgentError('invalid-image', `${image.name} is ambiguous: it says it is ${names} at once`);
  }
  // The two bytes of ext4 turn up in other images by chance.
  return format ?? (isExt4(image) ? 'ext4' : undefined);
}

function noImage({ name }: ImageBytes, why: string): AgentError {
  return new AgentError('invalid-image', `${name} is no image that systemd-sysext could merge: ${why}`);
}

/** The tree of an image of one file system; undefined where only the kernel reads it. */
async function treeOf(image: ImageBytes, format: SingleFormat, tools: Tools): Promise<ImageTree | undefined> {
  switch (format) {
    case 'squashfs':
      return squashfsTree(image, tools);
    case 'ext4':
      return inodeTree('ext4', openExt4(image), nothingPacked);
    case 'btrfs':
      checkBtrfsSize(image);
      return undefined;
    case 'erofs': {
      const erofs = openErofs(image);
      // Where its features are newer than what we know, systemd and the kernel may still read it.
      return erofs.superblock.unknownFeatures === 0 ? inodeTree('erofs', erofs, unpackErofs(erofs, tools)) : undefined;
    }
  }
}

function nothingPacked(): Promise<never> {
  throw new AgentError('internal', 'a content of ext4 was not read');
}

async function useDisk<T>(image: ImageBytes, tools: Tools, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  const partitions = readPartitions(image);
  const onDisk = (tree: ImageTree) => use({ ...tree, partitions });
  const chosen = choosePartition(image.name, partitions, hostArchitecture());
  if (chosen === undefined) return useCopy(image, tools, onDisk);
  const part = sliceOf(image, chosen.partition.offset, chosen.partition.size);
  const format = formatOf(part);
  const tree = format === undefined || format === 'GPT' ? undefined : await treeOf(part, format, tools);
  if (tree === undefined) return useCopy(image, tools, onDisk);
  return onDisk(chosen.mountedOn === 'usr' ? mountedOnUsr(tree) : tree);
}

async function useCopy<T>(image: ImageBytes, tools: Tools, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  return inTemporaryDirectory(async (directory) => {
    const copy = `${directory}/tree`;
    await copyFromImage(image.name, copy, tools.exec, tools.signal);
    return use(directoryTree(copy, 'disk', tools));
  });
}
