import { AgentError } from '../core/errors.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { openErofs } from '../host/erofs.ts';
import { isErofs } from '../host/erofs-format.ts';
import { fileStatus } from '../host/files.ts';
import { damaged, openImageBytes, type ImageBytes } from '../host/image-bytes.ts';
import { extractSquashfs, isSquashfs, listSquashfs, checkSquashfs, type SquashfsPlace } from '../host/squashfs.ts';
import { checkDiskSize, copyFromImage, diskKind, type DiskKind } from './dissect.ts';
import { erofsTree } from './erofs-tree.ts';
import { directoryTree, inTemporaryDirectory, readReleasesBelow, type ImageTree, type Tools } from './image-tree.ts';

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
  if (format === 'erofs') return await useErofs(image, tools, use);
  if (format === 'squashfs') return await use(await squashfsTree(image, tools));
  checkDiskSize(image, format);
  return await useCopy(image, tools, use);
}

/** The one format whose signature the file has: what carries two would be one image to us and another to systemd. */
function formatOf(image: ImageBytes): 'erofs' | 'squashfs' | DiskKind {
  const disk = diskKind(image);
  const found = [
    ...(isErofs(image) ? ['erofs' as const] : []),
    ...(isSquashfs(image) ? ['squashfs' as const] : []),
    // The two bytes of ext4 turn up in other images by chance.
    ...(disk === undefined || disk === 'ext4' ? [] : [disk]),
  ];
  const [format = disk, other] = found;
  if (format === undefined) {
    throw new AgentError(
      'invalid-image',
      `${image.name} is no image that systemd-sysext could merge: neither erofs, squashfs, ext4, btrfs nor a GPT disk image`,
    );
  }
  if (other !== undefined) {
    throw new AgentError('invalid-image', `${image.name} is ambiguous: it says it is ${format} and ${other} at once`);
  }
  return format;
}

/** Where its features are newer than what we know, systemd and the kernel may still read it. */
async function useErofs<T>(image: ImageBytes, tools: Tools, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  const erofs = openErofs(image);
  if (erofs.superblock.unknownFeatures !== 0) return useCopy(image, tools, use);
  return use(erofsTree(erofs, tools));
}

async function useCopy<T>(image: ImageBytes, tools: Tools, use: (tree: ImageTree) => Promise<T>): Promise<T> {
  return inTemporaryDirectory(async (directory) => {
    const copy = `${directory}/tree`;
    await copyFromImage(image.name, copy, tools.exec, tools.signal);
    return use(directoryTree(copy, 'disk', tools));
  });
}

async function squashfsTree(image: ImageBytes, tools: Tools): Promise<ImageTree> {
  checkSquashfs(image);
  const place = { path: image.name, offset: 0 };
  const entries = await listSquashfs(place, tools.exec, tools.signal);
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const root: Pick<ImageEntry, 'kind' | 'size'> = { kind: 'directory', size: 0 };
  return {
    format: 'squashfs',
    entryAt: (path) => (path === '' ? root : byPath.get(path)),
    namesIn: (path) => childrenOf(entries, path),
    readReleases: (paths) => readSquashfsReleases(place, paths, tools),
    list: () => entries,
  };
}

function childrenOf(entries: readonly ImageEntry[], directory: string): string[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  return entries
    .filter((entry) => entry.path.startsWith(prefix))
    .map((entry) => entry.path.slice(prefix.length))
    .filter((name) => !name.includes('/'));
}

async function readSquashfsReleases(
  place: SquashfsPlace,
  paths: readonly string[],
  tools: Tools,
): ReturnType<ImageTree['readReleases']> {
  if (paths.length === 0) return new Map();
  return inTemporaryDirectory(async (directory) => {
    const tree = `${directory}/tree`;
    await extractSquashfs(place, paths, tree, tools.exec, tools.signal);
    const lost = paths.find((path) => fileStatus(`${tree}/${path}`) === undefined);
    if (lost !== undefined) throw damaged(place.path, `unsquashfs lists /${lost} and does not unpack it`);
    return readReleasesBelow(tree, paths, tools);
  });
}
