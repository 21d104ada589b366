import fs from 'node:fs';
import { isAbsolute, join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { attempt } from './files.ts';

/** As many symbolic links as the kernel follows in one path (path_resolution(7)). */
const maxLinks = 40;

/**
 * The real path of `path` as a process would find it whose root directory is `root`: symbolic links are followed, but
 * none leads out of `root`, as with systemd's --root=. Parts that do not exist are taken as they are.
 * @throws AgentError `io` on a loop of links.
 */
export function belowRoot(root: string, path: string): string {
  if (root === '/') return path;
  const pending = path.split('/').filter((part) => part !== '');
  const found: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '.') continue;
    if (part === '..') {
      found.pop();
      continue;
    }
    const target = linkTarget(join(root, ...found, part));
    if (target === undefined) {
      found.push(part);
      continue;
    }
    if (++links > maxLinks) throw new AgentError('io', `too many symbolic links in ${path} below ${root}`);
    if (isAbsolute(target)) found.length = 0;
    pending.unshift(...target.split('/').filter((next) => next !== ''));
  }
  return join(root, ...found);
}

function linkTarget(path: string): string | undefined {
  return attempt('look at', path, () => {
    const status = fs.lstatSync(path, { throwIfNoEntry: false });
    return status?.isSymbolicLink() === true ? fs.readlinkSync(path) : undefined;
  });
}
