import type { Clock } from '../host/clock.ts';
import type { LimitedExec, RunLimits } from '../host/limited-run.ts';
import { parseStates, showStates, type UnitState } from './manager.ts';

/** These become another one by themselves. */
const passing: readonly string[] = ['activating', 'deactivating'];

/** Between two looks, in milliseconds. */
const lookInterval = 250;

/**
 * The state of a unit as soon as it is none that passes, or the one that it is in when the time is over.
 * @returns undefined where the manager does not answer.
 * @throws AgentError `tool-missing`, `tool-failed`, `interrupted`.
 */
export async function settledState(exec: LimitedExec, unit: string, limits: RunLimits): Promise<UnitState | undefined> {
  const { clock, signal, timeout } = limits;
  const end = clock.monotonic() + timeout;
  for (;;) {
    const state = await stateOf(exec, unit, { ...limits, timeout: Math.max(end - clock.monotonic(), lookInterval) });
    const left = end - clock.monotonic();
    if (state === undefined || !passing.includes(state.active) || left <= 0) return state;
    await pause(clock, Math.min(lookInterval, left), signal);
  }
}

/** A signal is for the next look to notice. */
async function pause(clock: Clock, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await clock.sleep(milliseconds, signal).catch(() => undefined);
}

async function stateOf(exec: LimitedExec, unit: string, limits: RunLimits): Promise<UnitState | undefined> {
  const { output } = await exec.runLimited('systemctl', showStates([unit]), limits);
  return parseStates(output)[0];
}

/** How long to wait for what only explains a failure, in milliseconds. */
const statusTimeout = 5000;

/** What `systemctl status` says of a unit, with the end of its journal. */
export async function unitStatus(exec: LimitedExec, unit: string, limits: RunLimits): Promise<string> {
  const options = ['--no-pager', '--full', '--lines=5'];
  const args = ['status', ...options, '--', unit];
  return (await exec.runLimited('systemctl', args, { ...limits, timeout: statusTimeout })).output;
}
