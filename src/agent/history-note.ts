import { dirname } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { fileIdentity } from '../host/file-identity.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';

/**
 * To look through a whole history takes as long as it is large. So a note in /run says how this agent left the file:
 * one that is still like that was looked through in this boot, and nobody else has written to it since.
 */

/** Whether the history at `path` is as it was when the note was made. */
export function isAsLeft(path: string, note: string): boolean {
  try {
    return readTextIfAny(note)?.trim() === stateOf(path);
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return false;
  }
}

/** Notes how the history at `path` is now. Where that fails, whoever opens it next looks through all of it. */
export function noteAsLeft(path: string, note: string): void {
  try {
    makeDirectory(dirname(note));
    writeAtomically(note, `${stateOf(path)}\n`);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

function stateOf(path: string): string {
  const identity = fileIdentity(path);
  return identity === undefined ? 'gone' : [identity.device, identity.inode, identity.size, identity.mtime].join(' ');
}
