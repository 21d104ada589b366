import type { Content } from '../../core/tree.ts';

/** A file, directory or symbolic link of a source. */
export interface SourceFile {
  /** Relative to the directory in which every source lies under its name: `src/cfgd.conf`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Permission bits: `mode & 0o7777`. */
  readonly mode: number;
  readonly content?: Content;
  /** Where a symbolic link leads. */
  readonly target?: string;
  /** Whether the spec itself says the mode, so that no rule of a distribution changes it. */
  readonly fixedMode: boolean;
}
