import type { ImageEntry } from '../core/image-entry.ts';
import { fileStatus } from '../host/files.ts';
import { damaged, type ImageBytes } from '../host/image-bytes.ts';
import { checkSquashfs, extractAllOfSquashfs, extractSquashfs, hasAttributes, listSquashfs } from '../host/squashfs.ts';
import {
  directoryTree,
  inTemporaryDirectory,
  readFilesBelow,
  readReleasesBelow,
  type ImageTree,
  type Tools,
} from './image-tree.ts';
import { checkUnpackedSize } from './unpacked-size.ts';

/** A squashfs image, read by unsquashfs, which unpacks of it what is asked for. */
export async function squashfsTree(image: ImageBytes, tools: Tools): Promise<ImageTree> {
  checkSquashfs(image);
  const { name: path, offset } = image;
  const entries = await listSquashfs({ path, offset }, tools.exec, tools.signal);
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const root: Pick<ImageEntry, 'kind' | 'size'> = { kind: 'directory', size: 0 };

  const unpacked = async <T>(
    paths: readonly string[],
    use: (root: string) => ReadonlyMap<string, T> | Promise<ReadonlyMap<string, T>>,
  ): Promise<ReadonlyMap<string, T>> => {
    if (paths.length === 0) return new Map();
    checkUnpackedSize(
      path,
      paths.flatMap((inside) => byPath.get(inside) ?? []),
    );
    return inTemporaryDirectory(async (directory) => {
      const tree = `${directory}/tree`;
      await extractSquashfs({ path, offset }, paths, tree, tools.exec, tools.signal);
      const lost = paths.find((inside) => fileStatus(`${tree}/${inside}`) === undefined);
      if (lost !== undefined) throw damaged(path, `unsquashfs lists /${lost} and does not unpack it`);
      return use(tree);
    });
  };

  const listUnpacked = async (): Promise<readonly ImageEntry[]> => {
    checkUnpackedSize(path, entries);
    return inTemporaryDirectory(async (directory) => {
      const tree = `${directory}/tree`;
      await extractAllOfSquashfs({ path, offset }, tree, tools.exec, tools.signal);
      const found = await directoryTree(tree, 'squashfs', tools).listWithCapabilities();
      const attributed = new Map(found.map((entry) => [entry.path, entry]));
      return entries.map((entry) => withAttributesOf(entry, attributed.get(entry.path)));
    });
  };

  return {
    format: 'squashfs',
    entryAt: (inside) => (inside === '' ? root : byPath.get(inside)),
    namesIn: (inside) => childrenOf(entries, inside),
    readReleases: (paths) => unpacked(paths, (tree) => readReleasesBelow(tree, paths, tools)),
    readFiles: (paths, use) => unpacked(paths, (tree) => readFilesBelow(tree, paths, use)),
    list: () => entries,
    listWithCapabilities: () => (isAttributed(image) ? listUnpacked() : Promise.resolve(entries)),
  };
}

/** Whether there are attributes that this process may unpack to see them. */
function isAttributed(image: ImageBytes): boolean {
  return process.getuid?.() === 0 && hasAttributes(image);
}

function withAttributesOf(entry: ImageEntry, unpacked: ImageEntry | undefined): ImageEntry {
  return {
    ...entry,
    ...(unpacked?.capability === undefined ? {} : { capability: true }),
    ...(unpacked?.overlay === undefined ? {} : { overlay: true }),
  };
}

function childrenOf(entries: readonly ImageEntry[], directory: string): string[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  return entries
    .filter((entry) => entry.path.startsWith(prefix))
    .map((entry) => entry.path.slice(prefix.length))
    .filter((name) => !name.includes('/'));
}
