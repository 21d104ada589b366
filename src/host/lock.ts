import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';

import { AgentError, isAgentError } from '../core/errors.ts';
import { limit } from './ending.ts';
import { findProgram } from './exec.ts';
import { closeFile, fileStatus, makeDirectory, openToLock, readTextIfAny, writeInPlace } from './files.ts';
import { lend } from './lent.ts';

/** A lock that is held; released by disposing of it, and by the kernel when this process ends in any way. */
export type HeldLock = Disposable;

/** What flock(1) ends with where another process holds the lock. */
const conflict = 75;

export interface LockOptions {
  /** Who takes it, in words; another process that finds it busy says them. */
  readonly holder: string;
  /** How long to wait for another process to give it back. */
  readonly waitSeconds: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock on a file with flock(2), so that scripts can take part: `flock /run/sysext-agent/lock COMMAND`. Node has
 * no call for it, so flock(1) locks a descriptor of ours: it counts for whoever has it open. Where we are killed it is
 * given back when the last program ends that must not be overtaken, see lent.ts.
 * @throws AgentError `busy` where another process keeps it, `interrupted`.
 */
export async function takeLock(path: string, { holder, waitSeconds, signal }: LockOptions): Promise<HeldLock> {
  makeDirectory(dirname(path));
  const descriptor = openToLock(path);
  const takeBack = lend(descriptor);
  const release = () => {
    takeBack();
    closeFile(descriptor);
  };
  try {
    await lock(descriptor, path, waitSeconds, signal);
    writeInPlace(path, `${holder} (process ${process.pid})\n`);
  } catch (error) {
    release();
    throw error;
  }
  return {
    [Symbol.dispose]: () => {
      forgetHolder(path);
      release();
    },
  };
}

/** A name that stays there misleads nobody: it is read only where the lock is held. What was done is done. */
function forgetHolder(path: string): void {
  try {
    writeInPlace(path, '');
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

async function lock(descriptor: number, path: string, waitSeconds: number, signal?: AbortSignal): Promise<void> {
  const flock = findProgram('flock');
  if (flock === undefined)
    throw new AgentError('tool-missing', 'the program flock is not installed', { next: 'Install util-linux.' });
  if (signal?.aborted === true) throw new AgentError('interrupted', 'interrupted');
  const child = spawn(
    flock,
    ['--timeout', String(waitSeconds), '--conflict-exit-code', String(conflict), String(descriptorThere)],
    { stdio: ['ignore', 'ignore', 'inherit', descriptor], env: { PATH: '/usr/bin:/bin' } },
  );
  const endedBy = limit(child, { signal, shielded: false });
  const exitCode = await exitCodeOf(child);
  if (endedBy() !== undefined) throw new AgentError('interrupted', 'interrupted while another operation was under way');
  if (exitCode === conflict) throw busy(path);
  if (exitCode !== 0)
    throw new AgentError('tool-failed', `flock cannot lock ${path}: it ended with ${exitCode ?? 'a signal'}`);
}

/** The number that the descriptor has in the child: what comes after the three that every program has. */
const descriptorThere = 3;

async function exitCodeOf(child: ChildProcess): Promise<number | null> {
  try {
    await once(child, 'exit');
  } catch (cause) {
    throw new AgentError('tool-failed', 'cannot start flock', { cause });
  }
  return child.exitCode;
}

/**
 * Who holds the lock, in their own words; undefined where nobody does, or nobody who says so.
 * What a killed holder wrote stays there: it is told only while that process lives.
 */
export function lockHolder(path: string): string | undefined {
  const text = readTextIfAny(path)?.trim() ?? '';
  const [, pid] = /\(process (\d+)\)$/.exec(text) ?? [];
  return pid === undefined || fileStatus(`/proc/${pid}`) === undefined ? undefined : text;
}

function busy(path: string): AgentError {
  const holder = lockHolder(path);
  return new AgentError('busy', `another operation is under way${holder === undefined ? '' : `: ${holder}`}`, {
    left: 'Nothing was changed.',
    next: 'Try again when it has ended, or let this command wait with --wait=SECONDS.',
    retryable: true,
  });
}
