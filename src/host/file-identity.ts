import fs from 'node:fs';

/** What tells one state of one file from every other: a file that is replaced or written to has another. Times in µs. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  readonly mtime: number;
  /** When the inode was made; 0 where the file system does not keep that. */
  readonly birth: number;
}

/** The identity of what a path leads to, symbolic links followed; undefined where there is nothing that can be seen. */
export function fileIdentity(path: string): FileIdentity | undefined {
  try {
    const status = fs.statSync(path, { bigint: true });
    return {
      device: Number(status.dev),
      inode: Number(status.ino),
      size: Number(status.size),
      mtime: microseconds(status.mtimeNs),
      birth: microseconds(status.birthtimeNs),
    };
  } catch {
    return undefined;
  }
}

export function isSameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size && a.mtime === b.mtime;
}

function microseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n);
}
