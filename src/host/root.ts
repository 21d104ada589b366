import fs from 'node:fs';
import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { followLinks } from '../core/links.ts';
import { attempt } from './files.ts';

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

/** Where the symbolic link at a real path leads; undefined for what is none. */
export function linkTarget(path: string): string | undefined {
  return attempt('look at', path, () => {
    const status = fs.lstatSync(path, { throwIfNoEntry: false });
    return status?.isSymbolicLink() === true ? fs.readlinkSync(path) : undefined;
  });
}
