import type { Agent } from '../agent.ts';
import type { ImageSource } from '../fleet/images.ts';
import { reconcileFleet, type FleetReport, type ReconcileOptions } from '../fleet/reconcile.ts';
import { rememberFleet, type WaitingChanges } from '../fleet/state.ts';
import { upgradeFleet } from '../fleet/upgrade.ts';
import { forgetUpgrade, upgradeDueSince } from '../unattended/due-upgrade.ts';
import { mayHaveSlot } from '../unattended/lease.ts';
import { settleSlot, windowDelay } from '../unattended/permission.ts';
import type { Outcome } from './loop.ts';

export interface PassImages {
  readonly images: ImageSource;
  /** The same, with new indexes. */
  readonly newest: ImageSource;
}

/** What a pass came to. */
export interface Pass extends Outcome {
  readonly report: FleetReport;
}

/**
 * One pass of the service: a slot of the fleet lock that was left is given back, the host becomes as the drop-ins say, and
 * what is installed is upgraded where that was asked for; changes only where they are permitted now.
 * @param waited what the pass before left waiting, where nothing has called since.
 */
export async function pass(
  agent: Agent,
  { images, newest }: PassImages,
  signal: AbortSignal,
  waited?: WaitingChanges,
): Promise<Pass> {
  await settleSlot(agent);
  const options = { signal, unattended: true, waited };
  const first = await reconcileFleet(agent, images, options);
  if (upgradeDueSince(agent) === undefined) return outcomeOf(agent, first);
  const delay = await windowDelay(agent);
  const report =
    delay === undefined
      ? bothOf(first, await upgraded(agent, newest, options))
      : { ...first, waiting: first.waiting ?? { names: [], ...delay } };
  const { waiting } = report;
  rememberFleet(agent, { troubles: first.troubles, ...(waiting === undefined ? {} : { waiting }) });
  return outcomeOf(agent, report);
}

function outcomeOf(agent: Agent, report: FleetReport): Pass {
  return { report, mayPass: report.mayPass || mayHaveSlot(agent), again: report.waiting?.until };
}

/** Does the upgrade that was asked for. What fails and may pass stays asked for. */
async function upgraded(agent: Agent, newest: ImageSource, options: ReconcileOptions): Promise<FleetReport> {
  const report = await upgradeFleet(agent, newest, [], options);
  if (!report.mayPass && report.waiting === undefined) forgetUpgrade(agent);
  return report;
}

/** What is told of two reports as if they were one; both looked at the same drop-ins. */
function bothOf(first: FleetReport, second: FleetReport): FleetReport {
  const told = new Set(first.problems.map((problem) => JSON.stringify(problem)));
  return {
    ...first,
    extensions: [...first.extensions, ...second.extensions],
    upgraded: second.extensions,
    merged: second.merged,
    warnings: [...first.warnings, ...second.warnings],
    problems: [...first.problems, ...second.problems.filter((problem) => !told.has(JSON.stringify(problem)))],
    troubles: [...first.troubles, ...second.troubles],
    mayPass: first.mayPass || second.mayPass,
    ...(first.waiting === undefined && second.waiting !== undefined ? { waiting: second.waiting } : {}),
  };
}
