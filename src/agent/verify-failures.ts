import { dirname } from 'node:path';

import { isAgentError, verifyFaults, type VerifyFault } from '../core/errors.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';
import { pathsBelow } from './paths.ts';

export type VerifyFailures = Readonly<Record<VerifyFault, number>>;

/** How often something was not what it should be, by what was wrong with it, since the state of this agent began. */
export function verifyFailures(root: string): VerifyFailures {
  return parseFailures(readTextIfAny(pathsBelow(root).verifyFailures) ?? '');
}

/** Reads lines such as `digest 3`; what is none of them counts nothing. */
export function parseFailures(text: string): VerifyFailures {
  const counts = new Map(text.split('\n').map((line) => line.split(' ', 2) as [fault: string, count: string]));
  const countOf = (fault: VerifyFault) => {
    const count = Number(counts.get(fault));
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  };
  return Object.fromEntries(verifyFaults.map((fault) => [fault, countOf(fault)])) as VerifyFailures;
}

/** Does the work, and counts where something cannot be verified. Where that cannot be written it is not counted. */
export async function countingFailures<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAgentError(error, 'verification-failed')) countFailure(root, error.details.unverified ?? 'malformed');
    throw error;
  }
}

function countFailure(root: string, fault: VerifyFault): void {
  const path = pathsBelow(root).verifyFailures;
  const before = verifyFailures(root);
  const counts: VerifyFailures = { ...before, [fault]: before[fault] + 1 };
  try {
    makeDirectory(dirname(path));
    writeAtomically(path, verifyFaults.map((one) => `${one} ${counts[one]}\n`).join(''));
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}
