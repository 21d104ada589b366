import fs from 'node:fs';

import { attempt } from './files.ts';

/** How much more who is not root can write to the file system of a path, in bytes. */
export function freeSpace(path: string): number {
  const { bavail, bsize } = attempt('look at the file system of', path, () => fs.statfsSync(path));
  return bavail * bsize;
}

/** What is left of a file system. */
export interface Room {
  /** In bytes. */
  readonly space: number;
  /** How many more files it can have; some file systems have no such number. */
  readonly files: number;
}

export function roomOn(path: string): Room {
  const { bavail, bsize, ffree } = attempt('look at the file system of', path, () => fs.statfsSync(path));
  return { space: bavail * bsize, files: ffree };
}
