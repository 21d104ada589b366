import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { AgentError } from '../core/errors.ts';
import { findProgram } from './exec.ts';
import { fileStatus, makeDirectory, readTextIfAny, writeInPlace } from './files.ts';

/** A lock that is held; released by disposing of it, and by the kernel when this process ends in any way. */
export type HeldLock = AsyncDisposable;

type Holder = ChildProcessByStdio<Writable, Readable, null>;

/** What flock(1) ends with where another process holds the lock. */
const conflict = 75;

/**
 * Takes the lock on a file with flock(2), so that scripts can take part: `flock /run/sysext-agent/lock COMMAND`. Node has
 * no call for it, so flock(1) holds it for us around a `cat` that ends when we do.
 * @param holder who takes it, in words; another process that finds it busy says them.
 * @param waitSeconds how long to wait for another process to give it back.
 * @throws AgentError `busy` where another process keeps it.
 */
export async function takeLock(path: string, holder: string, waitSeconds: number): Promise<HeldLock> {
  const flock = findProgram('flock');
  if (flock === undefined)
    throw new AgentError('tool-missing', 'the program flock is not installed', { next: 'Install util-linux.' });
  makeDirectory(dirname(path));
  const child = spawn(
    flock,
    ['--timeout', String(waitSeconds), '--conflict-exit-code', String(conflict), path, 'cat'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: '/usr/bin:/bin' },
      // Ctrl-C goes to the whole foreground group: the lock must outlast the undoing that follows it.
      detached: true,
    },
  );
  if (!(await answers(child))) throw busy(path);
  const release = async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  };
  try {
    writeInPlace(path, `${holder} (process ${process.pid})\n`);
  } catch (error) {
    await release();
    throw error;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      writeInPlace(path, '');
      await release();
    },
  };
}

/** Whether `cat` answers, which it does once flock(1) holds the lock. */
async function answers(child: Holder): Promise<boolean> {
  // Where flock gives up first, this end of the pipe breaks; its exit says so below.
  child.stdin.on('error', () => undefined);
  child.stdin.write('?');
  const ended = once(child, 'exit').then(() => false);
  return Promise.race([once(child.stdout, 'data').then(() => true), ended]);
}

/** What a killed holder wrote stays there: it is told only while that process lives. */
function holderIn(path: string): string {
  const text = readTextIfAny(path)?.trim() ?? '';
  const [, pid] = /\(process (\d+)\)$/.exec(text) ?? [];
  return pid === undefined || fileStatus(`/proc/${pid}`) === undefined ? '' : text;
}

function busy(path: string): AgentError {
  const holder = holderIn(path);
  return new AgentError('busy', `another operation is under way${holder === '' ? '' : `: ${holder}`}`, {
    left: 'Nothing was changed.',
    next: 'Try again when it has ended, or let this command wait with --wait=SECONDS.',
    retryable: true,
  });
}
