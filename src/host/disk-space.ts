import fs from 'node:fs';

import { attempt } from './files.ts';

/** How much more who is not root can write to the file system of a path, in bytes. */
export function freeSpace(path: string): number {
  const { bavail, bsize } = attempt('look at the file system of', path, () => fs.statfsSync(path));
  return bavail * bsize;
}
