/** Bytes of a file: in memory, or a range of another file (a package's unpacked archive). */
export type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'range'; readonly path: string; readonly offset: number; readonly length: number };

/** One member of a package's archive, exactly as the archive says it. Nothing in it was checked yet. */
export interface ArchiveEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo';
  /** Permission bits with setuid, setgid and sticky: `mode & 0o7777`. */
  readonly mode: number;
  /** Modification time in whole seconds since 1970. */
  readonly mtime: number;
  /** Where a symbolic or hard link leads. */
  readonly target?: string;
  /** What a file holds. */
  readonly content?: Content;
}

/** Paths of nodes are relative to the root of the tree: `usr/bin/jq`, no `.`, no `..`, no slash at either end. */
export interface FileNode {
  readonly kind: 'file';
  readonly path: string;
  readonly mode: number;
  readonly mtime: number;
  readonly content: Content;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly path: string;
  readonly mode: number;
  readonly mtime: number;
}

export interface SymlinkNode {
  readonly kind: 'symlink';
  readonly path: string;
  readonly mtime: number;
  readonly target: string;
}

/** Another name of a file of the same tree; mode and times are that file's. */
export interface HardlinkNode {
  readonly kind: 'hardlink';
  readonly path: string;
  /** The path of the file node. */
  readonly target: string;
}

export type TreeNode = FileNode | DirectoryNode | SymlinkNode | HardlinkNode;

/** The files of an image, owned by root. */
export interface Tree {
  /** Sorted by the bytes of their paths; the directories of every path are among them. */
  readonly nodes: readonly TreeNode[];
  /** Seconds since 1970: the time of what the packages do not bring, and no node is newer. */
  readonly timestamp: number;
}

/** How many bytes a file holds. */
export function lengthOf(content: Content): number {
  return content.kind === 'bytes' ? content.bytes.length : content.length;
}
