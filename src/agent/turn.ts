import { AgentError } from '../core/errors.ts';
import { deadlineIn } from '../host/deadline.ts';
import { listNames } from '../host/files.ts';
import { takeLock, type HeldLock } from '../host/lock.ts';
import type { Agent } from './agent.ts';

/**
 * The lock that lets one operation at a time change this host. What PID 1 runs for a service that was killed goes on
 * without that lock: its end is waited for as well.
 * @throws AgentError `busy` where another one holds it, and its holder, or such a program is at work; `interrupted`.
 */
export async function takeTurn(agent: Agent): Promise<HeldLock> {
  const { actor, paths, signal, waitSeconds } = agent;
  const lock = await takeLock(paths.lock, { holder: actor.command, waitSeconds, signal });
  try {
    await outlastRuns(agent);
    return lock;
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

async function outlastRuns({ clock, paths, signal, waitSeconds }: Agent): Promise<void> {
  if (listNames(paths.runs).length === 0) return;
  const { outlastLeft } = await import('../systemd/left-runs.ts');
  if (await outlastLeft(paths.runs, deadlineIn(clock, waitSeconds * 1000, signal))) return;
  throw new AgentError('busy', 'systemd-sysext is still at work for a service that was killed', {
    left: 'Nothing was changed.',
    next: 'Try again when it has ended, or let this command wait with --wait=SECONDS.',
    retryable: true,
  });
}
