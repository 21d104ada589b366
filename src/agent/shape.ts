import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { fileStatus, linkStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { ShapeEntry } from '../systemd/image.ts';
import type { Candidate } from './candidate.ts';

/** What a host has at a path of its hierarchies, itself not followed. */
export type HostKind = 'directory' | 'symlink' | 'other' | 'nothing';

/**
 * Entries of an image that would hide a whole directory of the host: a link or file over a directory (`/usr/lib`), or a
 * directory over a link (`/usr/sbin` where it is `bin`). Merged, either leaves the host without its programs at once.
 */
export function hidingEntries(shape: readonly ShapeEntry[], hostKind: (path: string) => HostKind): ShapeEntry[] {
  return shape.filter(({ path, kind }) => {
    const host = hostKind(path);
    return (host === 'directory' && kind !== 'directory') || (host === 'symlink' && kind === 'directory');
  });
}

/** @throws AgentError `content-refused` where the image would hide directories of the host below `root`. */
export function refuseHiding(candidate: Candidate, root: string): void {
  const hiding = hidingEntries(candidate.facts.shape, (path) => kindBelow(root, path));
  if (hiding.length === 0) return;
  throw new AgentError('content-refused', `${candidate.request.path} would hide directories of this host`, {
    facts: hiding.map(({ path, kind }) => `/${path} is a ${kind} in it, and a ${kindBelow(root, path)} on this host`),
    left: 'Nothing was changed.',
    next: 'Build it with the same kind of entry there as the system has.',
  });
}

/** The hierarchies themselves may be links on a host, as /opt often is: systemd-sysext follows them. */
function kindBelow(root: string, path: string): HostKind {
  const [top = '', name] = path.split('/');
  const hierarchy = belowRoot(root, `/${top}`);
  const status = name === undefined ? fileStatus(hierarchy) : linkStatus(join(hierarchy, name));
  if (status === undefined) return 'nothing';
  if (status.isDirectory()) return 'directory';
  return status.isSymbolicLink() ? 'symlink' : 'other';
}
