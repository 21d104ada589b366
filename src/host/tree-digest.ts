import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

import { sha256OfFile } from './digest.ts';
import { attempt, listNames } from './files.ts';

/**
 * One digest for a whole directory: of every path in it with its kind, mode, owner and content. Times do not count.
 * @returns the sha256 in hexadecimal, and the sum of the sizes of its files in bytes.
 */
export function sha256OfTree(directory: string): { sha256: string; size: number } {
  const hash = createHash('sha256');
  let size = 0;
  for (const path of pathsIn(directory, '')) {
    const real = join(directory, path);
    const status = attempt('look at', real, () => fs.lstatSync(real));
    if (status.isFile()) size += status.size;
    hash.update(`${[path, status.mode, status.uid, status.gid, contentOf(real, status)].join('\0')}\n`);
  }
  return { sha256: hash.digest('hex'), size };
}

function contentOf(path: string, status: fs.Stats): string {
  if (status.isFile()) return sha256OfFile(path);
  return status.isSymbolicLink() ? attempt('read', path, () => fs.readlinkSync(path)) : String(status.rdev);
}

function* pathsIn(root: string, below: string): Generator<string> {
  for (const name of listNames(join(root, below))) {
    const path = join(below, name);
    yield path;
    if (attempt('look at', path, () => fs.lstatSync(join(root, path))).isDirectory()) yield* pathsIn(root, path);
  }
}
