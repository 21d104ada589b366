import { join } from 'node:path';

import { AgentError, isAgentError } from '../core/errors.ts';
import type { Deadline } from '../host/deadline.ts';
import { listNames, readTextIfAny, removeTree } from '../host/files.ts';
import { createBus } from './bus/client.ts';
import { createManager } from './bus-manager.ts';
import { collectLeft, unitPrefix, type TransientHost } from './transient.ts';

/** In milliseconds. */
const pollInterval = 200;

/**
 * Waits for the programs that a killed process had PID 1 run, and collects them: what they do must not be overtaken.
 * Nothing else may start such programs meanwhile.
 * @param directory where their output goes: with nothing in it there are none.
 * @returns whether they had all ended by the deadline.
 * @throws AgentError `interrupted`, `access-denied`.
 */
export async function outlastLeft(directory: string, deadline: Deadline): Promise<boolean> {
  if (listNames(directory).length === 0) return true;
  const { clock, end, signal } = deadline;
  await using bus = createBus({ clock });
  const host = { manager: createManager(bus, clock), clock, directory };
  while (await isAtWork(host)) {
    if (clock.monotonic() >= end) return false;
    await pause(deadline);
    if (signal?.aborted === true)
      throw new AgentError('interrupted', 'interrupted while systemd-sysext was waited for');
  }
  return true;
}

async function isAtWork(host: TransientHost): Promise<boolean> {
  try {
    if (await collectLeft(host)) return true;
  } catch (error) {
    // Without the bus nobody can have asked for more than what runs already.
    if (isAgentError(error, 'bus-unavailable', 'bus-timeout')) return processesRun();
    throw error;
  }
  for (const name of listNames(host.directory)) removeTree(join(host.directory, name));
  return false;
}

/** Whether a process is in the control group of such a unit. */
function processesRun(): boolean {
  return listNames('/proc').some((name) => /^\d+$/.test(name) && groupsOf(name).includes(`/${unitPrefix}`));
}

/** Empty for a process that has just ended. */
function groupsOf(pid: string): string {
  try {
    return readTextIfAny(`/proc/${pid}/cgroup`) ?? '';
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return '';
  }
}

async function pause({ clock, signal }: Deadline): Promise<void> {
  try {
    await clock.sleep(pollInterval, signal);
  } catch {
    // It is to end.
  }
}
