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
