import { AgentError } from '../core/errors.ts';
import { inodeFinder, linkTarget, listErofs, namesIn, readContent, userAttribute, type Erofs } from '../host/erofs.ts';
import type { Inode } from '../host/erofs-format.ts';
import { catErofs, extractErofs } from '../host/erofs-tools.ts';
import { damaged } from '../host/image-bytes.ts';
import { readText } from '../host/files.ts';
import {
  inTemporaryDirectory,
  releaseContent,
  strictAttribute,
  type ImageTree,
  type ReleaseContent,
  type Tools,
} from './image-tree.ts';

/** An erofs image, read in this process. */
export function erofsTree(erofs: Erofs, tools: Tools): ImageTree {
  const find = inodeFinder(erofs);
  return {
    format: 'erofs',
    entryAt: (path) => {
      const inode = find(path);
      return inode === undefined ? undefined : shape(erofs, inode);
    },
    namesIn: (path) => {
      const inode = find(path);
      return inode?.kind === 'directory' ? namesIn(erofs, inode) : [];
    },
    readReleases: async (paths) => {
      const contents = paths.map(async (path) => [path, await readRelease(erofs, path, find(path), tools)] as const);
      return new Map(await Promise.all(contents));
    },
    list: () => listErofs(erofs),
  };
}

function shape(erofs: Erofs, inode: Inode): ReturnType<ImageTree['entryAt']> {
  const target = linkTarget(erofs, inode);
  return { kind: inode.kind, size: inode.size, ...(target === undefined ? {} : { target }) };
}

async function readRelease(
  erofs: Erofs,
  path: string,
  inode: Inode | undefined,
  tools: Tools,
): Promise<ReleaseContent> {
  if (inode === undefined) throw damaged(erofs.image.name, `/${path} is there and is not`);
  const content = readContent(erofs, inode, inode.size)?.toString();
  const text = content ?? (await readCompressed(erofs, path, inode.size, tools));
  return releaseContent(text, userAttribute(erofs, inode, strictAttribute));
}

/**
 * A small file is compressed only in images that pack tails and fragments together (mkfs.erofs -E). dump.erofs 1.8
 * prints one file; before, fsck.erofs has to unpack them all.
 */
async function readCompressed(erofs: Erofs, path: string, size: number, { exec, signal }: Tools): Promise<string> {
  const printed = await catErofs(erofs.image.name, path, exec, signal);
  if (printed !== undefined && Buffer.byteLength(printed) === size) return printed;
  checkUnpackedSize(erofs);
  return inTemporaryDirectory(async (directory) => {
    await extractErofs(erofs.image.name, `${directory}/tree`, exec, signal);
    return readText(`${directory}/tree/${path}`);
  });
}

const mostUnpacked = 16 * 1024 ** 3;

/** Sizes in an image are only claims: unpacking stops before it begins where they would fill the disk. Also looks at every name. */
function checkUnpackedSize(erofs: Erofs): void {
  const size = listErofs(erofs).reduce((sum, entry) => sum + entry.size, 0);
  if (size <= mostUnpacked) return;
  throw new AgentError(
    'tool-missing',
    `cannot read the compressed extension-release file of ${erofs.image.name}: unpacked the image has ${size} bytes`,
    {
      next: 'Install erofs-utils 1.8 or later, which reads a single file, or have the image built with fewer packed files.',
    },
  );
}
