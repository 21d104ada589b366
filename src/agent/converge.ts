import type { Agent } from './agent.ts';
import { stepRecords } from './apply.ts';
import { changeSet, permitted, planned, type ChangeOptions, type ChangeReport, type SetChange } from './change.ts';
import { openHistory } from './history.ts';
import type { Desired, PlanVerdict } from './plan.ts';
import type { InstalledExtension, StepRecord } from './records.ts';
import { unsettled } from './recovery.ts';
import { hasLeftovers } from './sweep.ts';

/** A plan as people read it. */
export interface PlanReport {
  readonly steps: readonly StepRecord[];
  readonly verdicts: readonly PlanVerdict[];
  readonly warnings: readonly string[];
}

/** What is recorded is desired: the generation in force. */
export function recordAsDesired(installed: readonly InstalledExtension[]): Desired {
  return { extensions: installed, merge: { verb: 'refresh', options: {}, ifNeeded: true } };
}

const change: SetChange = { verb: 'apply', desired: recordAsDesired };

/** What apply() would do now, and what becomes of every extension. Nothing is written. */
export async function planOfRecord(agent: Agent): Promise<PlanReport> {
  const made = await planned(agent, change);
  return { steps: stepRecords(agent, made), verdicts: made.verdicts, warnings: made.warnings };
}

/**
 * Brings the host to what the generation in force says, where something else has changed it: entries of ours that were
 * lost come back, what a killed operation left is put back, and what fits is merged. Where all is well nothing is done,
 * and nothing recorded.
 * @throws AgentError `merge-failed`, `busy`.
 */
export async function applyRecord(agent: Agent, options: ChangeOptions = {}): Promise<ChangeReport> {
  const made = permitted(await planned(agent, change));
  if (made.steps.length > 0 || isUnfinished(agent)) return changeSet(agent, change, options);
  const merged = made.verdicts.filter((verdict) => verdict.merged).map(({ name }) => name);
  return { extensions: [], steps: [], merged, warnings: made.warnings };
}

/** Whether an operation is under way, or was killed and not all of that was put back, or left something behind. */
export function isUnfinished(agent: Agent): boolean {
  if (hasLeftovers(agent)) return true;
  using history = openHistory(agent.paths.history, { writable: false });
  return unsettled(agent, history) !== undefined;
}
