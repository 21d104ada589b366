/** One entry of an image as it lies in there: symbolic links are not followed, nothing in it was checked. */
export interface ImageEntry {
  /** Relative to the root of the image, without a leading slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo' | 'socket';
  /** Permission bits with setuid, setgid and sticky: `mode & 0o7777`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; of a directory, what its file system says. */
  readonly size: number;
  /** Modification time in whole seconds since 1970; an image that says whole minutes only is rounded down. */
  readonly mtime: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
  /** There where a file is seen to have capabilities (capabilities(7)); not every reader looks. */
  readonly capability?: true;
  /** There where it is seen to have an attribute by which overlayfs hides or moves what other layers have. */
  readonly overlay?: true;
}

/**
 * The attributes that make a layer of an overlay more than the files that it shows: by them a directory hides those of
 * the layers below it, a file the one of its name, or either stands for another one of them (Linux:
 * Documentation/filesystems/overlayfs.rst). A merge mounts without `userxattr`: those of users mean nothing in it.
 */
export const overlayAttributes: readonly string[] = ['opaque', 'redirect', 'whiteout', 'metacopy'].map(
  (name) => `trusted.overlay.${name}`,
);

export type EntryKind = ImageEntry['kind'];

const kinds: ReadonlyMap<number, EntryKind> = new Map<number, EntryKind>([
  [0o010000, 'fifo'],
  [0o020000, 'character-device'],
  [0o040000, 'directory'],
  [0o060000, 'block-device'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
]);

/** What the type bits of `st_mode` stand for (inode(7)); undefined for none of those. */
export function kindOfMode(mode: number): EntryKind | undefined {
  return kinds.get(mode & 0o170000);
}

/** The entries in the order of the bytes of their paths, as `LC_ALL=C sort` has it. */
export function sortedByPath(entries: readonly ImageEntry[]): ImageEntry[] {
  return entries
    .map((entry) => ({ entry, key: Buffer.from(entry.path) }))
    .sort((a, b) => a.key.compare(b.key))
    .map(({ entry }) => entry);
}
