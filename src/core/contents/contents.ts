import type { EntryKind, ImageEntry } from '../image-entry.ts';

/** What an image would bring to a host. */
export interface ImageContents {
  /** The name it has, or is to have, as an extension. */
  readonly name: string;
  /** Names that its extension-release files may end in, besides those of the same base name. */
  readonly releaseNames: readonly string[];
  /** Everything in it but its root. Nothing of it was checked. */
  readonly entries: readonly ImageEntry[];
}

/** What a host has at a path, itself not followed. */
export interface HostEntry {
  readonly kind: EntryKind;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** Another extension that would be merged along with the image. */
export interface OtherExtension {
  readonly name: string;
  /** Its paths below usr and opt that are no directories. */
  readonly paths: ReadonlySet<string>;
}

/** What is around an image on the host that would merge it. */
export interface Surroundings {
  /**
   * What the host itself has at a path below usr or opt, given without a leading slash; undefined for nothing. What
   * extensions have merged there is not the host's.
   */
  readonly hostEntry: (path: string) => HostEntry | undefined;
  /** The packages of the host that files belong to, by path without a leading slash; as far as they were asked for. */
  readonly owners: ReadonlyMap<string, string>;
  readonly others: readonly OtherExtension[];
}

/** The surroundings of an image that is looked at by itself. */
export const noSurroundings: Surroundings = { hostEntry: () => undefined, owners: new Map(), others: [] };

/** Whether a path is in one of the hierarchies that system extensions extend (systemd-sysext(8)). */
export function isMerged(path: string): boolean {
  return path.startsWith('usr/') || path.startsWith('opt/');
}

/** The paths of an image that take the place of files: everything in usr and opt that is no directory. */
export function filePaths(entries: readonly ImageEntry[]): string[] {
  return entries.filter(({ kind, path }) => kind !== 'directory' && isMerged(path)).map(({ path }) => path);
}
