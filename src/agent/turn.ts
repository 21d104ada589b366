import { takeLock, type HeldLock } from '../host/lock.ts';
import type { Agent } from './agent.ts';

/**
 * The lock that lets one operation at a time change this host.
 * @throws AgentError `busy` where another one holds it, and its holder; `interrupted`.
 */
export function takeTurn({ actor, paths, signal, waitSeconds }: Agent): Promise<HeldLock> {
  return takeLock(paths.lock, { holder: actor.command, waitSeconds, signal });
}
