import { resolve } from 'node:path';

import type { JobProgress, ServiceRequest } from '../agent/daemon/api/client.ts';
import { exitCodes, isAgentError, type ExitCode } from '../core/errors.ts';
import { systemClock } from '../host/clock.ts';
import type { Invocation } from './command.ts';
import { notRoot } from './invoker.ts';
import { show } from './output.ts';
import { visible } from './terminal.ts';

/** What the service can be told besides the arguments: how it is shown is ours, and waiting it does by itself. */
const carried = new Set(['json', 'legend', 'pager', 'wait']);

/**
 * Has the service make a change for a user who is not root: polkit decides whether it may. Root's changes are made by the
 * command itself, under the same lock: then undefined is returned.
 * @param what the change in words, as in `only root may ...`.
 * @param request the call that does the same.
 * @throws AgentError `not-root` where the service does not run or cannot be told all of it; what the service tells.
 */
export async function changedByService(
  invocation: Invocation,
  what: string,
  request: ServiceRequest,
): Promise<ExitCode | undefined> {
  if (process.getuid?.() === 0) return undefined;
  if (invocation.options.given.some((name) => !carried.has(name))) throw notRoot(what);
  try {
    await ask(invocation, request);
  } catch (error) {
    const isNotThere = isAgentError(error, 'bus-unavailable') && error.details.left === undefined;
    throw isNotThere ? notRoot(what) : error;
  }
  const { mergedNames, readMerged } = await import('../systemd/merged.ts');
  const merged = mergedNames(readMerged('/'));
  show(invocation, { merged }, () => [merged.length === 0 ? 'Nothing is merged.' : `Merged: ${merged.join(', ')}`]);
  return exitCodes.ok;
}

async function ask({ signal, terminal }: Invocation, request: ServiceRequest): Promise<void> {
  const { askService } = await import('../agent/daemon/api/client.ts');
  const { createBus } = await import('../systemd/bus/client.ts');
  await using bus = createBus({ clock: systemClock });
  let shown = '';
  const progress = ({ what, transfer }: JobProgress) => {
    if (terminal.isNoteTerminal) terminal.draw('\r\u001b[K');
    if (what !== shown && what !== '') terminal.note(what);
    shown = what;
    if (terminal.isNoteTerminal) terminal.draw(visible(transfer));
  };
  await askService(bus, request, { signal, clock: systemClock, progress });
}

/** What `install` asks for: paths are made absolute, since the service has another working directory. */
export function installRequest(refs: readonly string[]): ServiceRequest {
  return { method: 'Install', body: [refs.map((ref) => (/^[a-z]+:\/\//.test(ref) ? ref : resolve(ref))), new Map()] };
}
