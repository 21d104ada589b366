import { dirname } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';
import { pathsBelow } from './paths.ts';

/** How often something was not what it should be by its signature or digest, since the state of this agent began. */
export function verifyFailures(root: string): number {
  const count = Number(readTextIfAny(pathsBelow(root).verifyFailures) ?? '0');
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** Does the work, and counts where something cannot be verified. Where that cannot be written it is not counted. */
export async function countingFailures<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAgentError(error, 'verification-failed')) countFailure(root);
    throw error;
  }
}

function countFailure(root: string): void {
  const path = pathsBelow(root).verifyFailures;
  const count = verifyFailures(root) + 1;
  try {
    makeDirectory(dirname(path));
    writeAtomically(path, `${count}\n`);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}
