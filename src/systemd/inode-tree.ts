import { inodeFinder, linkTarget, listFiles, namesIn, type FileSystem, type InodeFacts } from '../host/file-system.ts';
import { damaged, renamed, type ImageBytes } from '../host/image-bytes.ts';
import {
  readFilesBelow,
  releaseContent,
  strictAttribute,
  type ImageFormat,
  type ImageTree,
  type ReleaseContent,
} from './image-tree.ts';

/** Unpacks a whole image and lets `use` look at the directory with it, which is then removed. */
export type Unpack = <T>(use: (root: string) => T) => Promise<T>;

/**
 * An image that is read in this process.
 * @param unpack brings the contents that are not read here.
 */
export function inodeTree<I extends InodeFacts>(format: ImageFormat, files: FileSystem<I>, unpack: Unpack): ImageTree {
  const find = inodeFinder(files);
  const there = (path: string): I => {
    const inode = find(path);
    if (inode === undefined) throw damaged(files.image.name, `/${path} is there and is not`);
    return inode;
  };
  const readFiles: ImageTree['readFiles'] = (paths, use) => readContents(files, paths, there, use, unpack);
  return {
    format,
    entryAt: (path) => {
      const inode = find(path);
      return inode === undefined ? undefined : shapeOf(files, inode);
    },
    namesIn: (path) => {
      const inode = find(path);
      return inode?.kind === 'directory' ? namesIn(files, inode) : [];
    },
    readReleases: async (paths) => {
      const texts = await readFiles(paths, (file) => file.read(0, file.size).toString());
      return new Map([...texts].map(([path, text]) => [path, releaseOf(files, there(path), text)] as const));
    },
    readFiles,
    list: () => listFiles(files),
    listWithCapabilities: () => Promise.resolve(listFiles(files)),
  };
}

function shapeOf<I extends InodeFacts>(files: FileSystem<I>, inode: I): ReturnType<ImageTree['entryAt']> {
  const target = linkTarget(files, inode);
  return { kind: inode.kind, size: inode.size, ...(target === undefined ? {} : { target }) };
}

function releaseOf<I extends InodeFacts>(files: FileSystem<I>, inode: I, text: string): ReleaseContent {
  return releaseContent(text, files.attribute(inode, strictAttribute)?.toString());
}

/** What is not read here is unpacked once for all the paths. */
async function readContents<I extends InodeFacts, T>(
  files: FileSystem<I>,
  paths: readonly string[],
  inodeAt: (path: string) => I,
  use: (file: ImageBytes, path: string) => T,
  unpack: Unpack,
): Promise<ReadonlyMap<string, T>> {
  const read = new Map<string, T>();
  const packed: string[] = [];
  for (const path of new Set(paths)) {
    const inode = inodeAt(path);
    if (inode.kind !== 'file') throw damaged(files.image.name, `/${path} is a ${inode.kind}`);
    const content = files.contentOf(inode);
    if (content === undefined) packed.push(path);
    else read.set(path, use(renamed(content, `${files.image.name}: /${path}`), path));
  }
  if (packed.length === 0) return read;
  const unpacked = await unpack((root) => readFilesBelow(root, packed, use));
  return new Map([...read, ...unpacked]);
}
