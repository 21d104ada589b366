import { overlayAttributes, type ImageEntry } from '../core/image-entry.ts';
import { entryBelow, listTree } from '../host/directory-tree.ts';
import type { Exec } from '../host/exec.ts';
import { listNames, makeTemporaryDirectory, readText, removeTree } from '../host/files.ts';
import type { Partition } from '../host/gpt.ts';
import { openFileBytes, type ImageBytes } from '../host/image-bytes.ts';
import { readAttributeNames, readAttributes } from '../host/xattr.ts';

/** `disk` is what only systemd-dissect opens. */
export type ImageFormat = 'erofs' | 'squashfs' | 'ext4' | 'disk' | 'directory';

/** What an extension-release file holds, and its extended attribute `user.extension-release.strict` where it has one. */
export interface ReleaseContent {
  readonly text: string;
  readonly strict?: string;
}

/** An image as a tree to look into; paths are relative to its root, and no part of them may be a link. */
export interface ImageTree {
  readonly format: ImageFormat;
  /** The partitions of a disk image; `format` is then that of the one that systemd takes. */
  readonly partitions?: readonly Partition[];
  /** What is at a path, itself not followed; undefined where there is nothing. */
  entryAt(path: string): Pick<ImageEntry, 'kind' | 'size' | 'target'> | undefined;
  /** The names in a directory, sorted by their bytes. */
  namesIn(path: string): readonly string[];
  /**
   * The contents of regular files of a few bytes, by path. Where attributes are not wanted, those of a directory are not
   * read: that takes a program.
   */
  readReleases(paths: readonly string[], attributes?: boolean): Promise<ReadonlyMap<string, ReleaseContent>>;
  /**
   * Lets `use` read from each of these regular files, at any places, and answers with what it returned, by path. What
   * it got may be used only until it returns.
   */
  readFiles<T>(paths: readonly string[], use: (file: ImageBytes, path: string) => T): Promise<ReadonlyMap<string, T>>;
  list(): readonly ImageEntry[];
  /** The same with capabilities and attributes of overlays; those of squashfs and of directories only root sees. */
  listWithCapabilities(): Promise<readonly ImageEntry[]>;
}

/** How to run programs on behalf of one reading. */
export interface Tools {
  readonly exec: Exec;
  readonly signal?: AbortSignal | undefined;
}

export const strictAttribute = 'user.extension-release.strict';
const capabilityAttribute = 'security.capability';

/** An image that is a directory, or was unpacked into one. */
export function directoryTree(root: string, format: ImageFormat, tools: Tools): ImageTree {
  return {
    format,
    entryAt: (path) => entryBelow(root, path),
    namesIn: (path) => listNames(`${root}/${path}`),
    readReleases: (paths, attributes) => readReleasesBelow(root, paths, tools, attributes),
    readFiles: (paths, use) => Promise.resolve(readFilesBelow(root, paths, use)),
    list: () => listTree(root),
    listWithCapabilities: () => listWithCapabilities(root, tools),
  };
}

/** Reads release files below a directory: their attributes take one run of getfattr. */
export async function readReleasesBelow(
  root: string,
  paths: readonly string[],
  { exec, signal }: Tools,
  attributes = true,
): Promise<ReadonlyMap<string, ReleaseContent>> {
  const places = paths.map((path) => ({ path, place: `${root}/${path}` }));
  const attributed = attributes ? places.map(({ place }) => place) : [];
  const strict = await readAttributes(attributed, strictAttribute, exec, signal);
  return new Map(places.map(({ path, place }) => [path, releaseContent(readText(place), strict.get(place))] as const));
}

/** Lets `use` read from regular files below a directory. */
export function readFilesBelow<T>(
  root: string,
  paths: readonly string[],
  use: (file: ImageBytes, path: string) => T,
): ReadonlyMap<string, T> {
  return new Map(
    paths.map((path) => {
      using file = openFileBytes(`${root}/${path}`);
      return [path, use(file, path)] as const;
    }),
  );
}

/** How many files one run of getfattr looks at: each may have a path of 4096 bytes. */
const filesAtOnce = 200;

async function listWithCapabilities(root: string, { exec, signal }: Tools): Promise<readonly ImageEntry[]> {
  const entries = listTree(root);
  const places = entries.filter(({ kind }) => kind !== 'symlink').map(({ path }) => `${root}/${path}`);
  const found = new Map<string, readonly string[]>();
  for (let at = 0; at < places.length; at += filesAtOnce) {
    const some = places.slice(at, at + filesAtOnce);
    const names = await readAttributeNames(some, [capabilityAttribute, ...overlayAttributes], exec, signal);
    for (const [path, list] of names) found.set(path, list);
  }
  return entries.map((entry) => withAttributes(entry, found.get(`${root}/${entry.path}`) ?? []));
}

function withAttributes(entry: ImageEntry, names: readonly string[]): ImageEntry {
  return {
    ...entry,
    ...(entry.kind === 'file' && names.includes(capabilityAttribute) ? { capability: true } : {}),
    ...(names.some((name) => overlayAttributes.includes(name)) ? { overlay: true } : {}),
  };
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
