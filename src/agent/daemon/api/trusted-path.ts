import { dirname } from 'node:path';

import { AgentError } from '../../../core/errors.ts';
import { linkStatus } from '../../../host/files.ts';

/** What there is at a part of a path. */
export interface PathPart {
  readonly kind: 'file' | 'directory' | 'other' | 'none';
  readonly uid: number;
  readonly mode: number;
}

/**
 * Refuses to take a file for someone who is not root, unless nobody but root decides what is in it and everyone may read
 * it: the service would otherwise read, and tell of, what the caller may not.
 * @throws AgentError `access-denied`
 */
export function requireTrusted(path: string): void {
  for (let part = path; ; part = dirname(part)) {
    if (!isTrusted(partAt(part), part === path)) throw refused(path);
    if (part === '/') return;
  }
}

/** Whether root may take it for others. */
export function isTrusted({ kind, uid, mode }: PathPart, isLast: boolean): boolean {
  if (kind !== (isLast ? 'file' : 'directory') || uid !== 0) return false;
  return (mode & 0o022) === 0 && (mode & (isLast ? 0o004 : 0o001)) !== 0;
}

function partAt(path: string): PathPart {
  const status = linkStatus(path);
  if (status === undefined) return { kind: 'none', uid: 0, mode: 0 };
  const { uid, mode } = status;
  if (status.isFile()) return { kind: 'file', uid, mode };
  return { kind: status.isDirectory() ? 'directory' : 'other', uid, mode };
}

/** Always in the same words: others would tell the caller of what it may not see. */
function refused(path: string): AgentError {
  return new AgentError(
    'access-denied',
    `${path} is not taken for a user who is not root: it must be a file of root that everyone can read and only root ` +
      'can write, in directories of that kind, and no symbolic link',
    {
      left: 'Nothing was changed.',
      next: 'Put the file in such a place, or ask as root. Directories are taken for root alone.',
    },
  );
}
