import type { ImageEntry } from '../core/image-entry.ts';
import { entryBelow, listTree } from '../host/directory-tree.ts';
import type { Exec } from '../host/exec.ts';
import { listNames, makeTemporaryDirectory, readText, removeTree } from '../host/files.ts';
import { readAttributes } from '../host/xattr.ts';

export type ImageFormat = 'erofs' | 'squashfs' | 'disk' | 'directory';

/** What an extension-release file holds, and its extended attribute `user.extension-release.strict` where it has one. */
export interface ReleaseContent {
  readonly text: string;
  readonly strict?: string;
}

/** An image as a tree to look into; paths are relative to its root, and no part of them may be a link. */
export interface ImageTree {
  readonly format: ImageFormat;
  /** What is at a path, itself not followed; undefined where there is nothing. */
  entryAt(path: string): Pick<ImageEntry, 'kind' | 'size' | 'target'> | undefined;
  /** The names in a directory, sorted by their bytes. */
  namesIn(path: string): readonly string[];
  /** The contents of regular files of a few bytes, by path. */
  readReleases(paths: readonly string[]): Promise<ReadonlyMap<string, ReleaseContent>>;
  list(): readonly ImageEntry[];
}

/** How to run programs on behalf of one reading. */
export interface Tools {
  readonly exec: Exec;
  readonly signal?: AbortSignal | undefined;
}

/** The attribute without its prefix `user.`, and with it. */
export const strictAttribute = 'extension-release.strict';
const strictAttributeName = `user.${strictAttribute}`;

/** An image that is a directory, or was unpacked into one. */
export function directoryTree(root: string, format: ImageFormat, tools: Tools): ImageTree {
  return {
    format,
    entryAt: (path) => entryBelow(root, path),
    namesIn: (path) => listNames(`${root}/${path}`),
    readReleases: (paths) => readReleasesBelow(root, paths, tools),
    list: () => listTree(root),
  };
}

/** Reads release files below a directory: their attributes take one run of getfattr. */
export async function readReleasesBelow(
  root: string,
  paths: readonly string[],
  { exec, signal }: Tools,
): Promise<ReadonlyMap<string, ReleaseContent>> {
  const places = paths.map((path) => ({ path, place: `${root}/${path}` }));
  const attributes = await readAttributes(
    places.map(({ place }) => place),
    strictAttributeName,
    exec,
    signal,
  );
  return new Map(
    places.map(({ path, place }) => [path, releaseContent(readText(place), attributes.get(place))] as const),
  );
}

export function releaseContent(text: string, strict: string | undefined): ReleaseContent {
  return strict === undefined ? { text } : { text, strict };
}

/** Lets `use` fill a directory of its own, which is removed whatever happens. */
export async function inTemporaryDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  // Not /tmp: often a tmpfs, too small for an unpacked image and before Linux 6.6 without attributes of users.
  const directory = makeTemporaryDirectory('/var/tmp');
  try {
    return await use(directory);
  } finally {
    removeTree(directory);
  }
}
