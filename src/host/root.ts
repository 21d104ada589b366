import fs from 'node:fs';
import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { followLinks } from '../core/links.ts';
import { attempt, linkStatus } from './files.ts';

/**
 * The real path of `path` as a process would find it whose root directory is `root`: symbolic links are followed, but
 * none leads out of `root`, as with systemd's --root=. Parts that do not exist are taken as they are.
 * @throws AgentError `io` on a loop of links.
 */
export function belowRoot(root: string, path: string): string {
  if (root === '/') return path;
  const found = followLinks(path, (inside) => linkTarget(join(root, inside)));
  if (found === undefined) throw new AgentError('io', `too many symbolic links in ${path} below ${root}`);
  return join(root, found);
}

const obstacles: Readonly<Record<string, string>> = {
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'it leads to a name that is too long',
  ENOTDIR: 'it leads through a file as if that were a directory',
};

/** Why links cannot be followed to where `path` leads below `root`; undefined where they can, or nothing is there. */
export function obstacleTo(root: string, path: string): string | undefined {
  const found = root === '/' ? path : followLinks(path, (inside) => linkTarget(join(root, inside)));
  if (found === undefined) return obstacles['ELOOP'];
  try {
    fs.statSync(join(root, found));
    return undefined;
  } catch (error) {
    return obstacles[(error as NodeJS.ErrnoException).code ?? ''];
  }
}

/** Where the symbolic link at a real path leads; undefined for what is none. */
export function linkTarget(path: string): string | undefined {
  if (linkStatus(path)?.isSymbolicLink() !== true) return undefined;
  return attempt('look at', path, () => fs.readlinkSync(path));
}
