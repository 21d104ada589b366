import { fileStatus } from '../host/files.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import { mergedNames } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import { isBlocker, reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { nothingToSettle } from './effects/steps.ts';
import { commandAgainst } from './masks.ts';
import { survey } from './merging.ts';
import type { ExtensionOverview } from './overview.ts';
import type { Plan } from './plan.ts';
import { blockersError } from './plan-refusals.ts';

/**
 * Configuration extensions (systemd-confext(8)): this agent merges those that the host has. It neither stores nor places
 * any, so there is no set of them, and nothing to be taken out where one stops the merge: it is named.
 */

/** The one step of a merge, unmerge or refresh of them. */
export async function confextPlan(agent: Agent, verb: MergeVerb, options: MergeOptions): Promise<Plan> {
  const { images } = verb === 'unmerge' ? { images: [] } : await survey(agent, agent.confexts);
  const blockers = images.filter(isBlocker);
  return {
    steps: [{ kind: 'merge', class: 'confext', verb, options, reason: 'it was asked for' }],
    extensions: undefined,
    settlement: nothingToSettle,
    verdicts: [],
    quarantined: [],
    warnings: [],
    refused: new Map(),
    refusals: blockers.length === 0 ? [] : [blockersError(`systemd-confext ${verb}`, blockers)],
  };
}

export interface ConfextsOverview {
  readonly hierarchies: readonly HierarchyStatus[];
  /** What systemd-confext finds, and what is merged. */
  readonly extensions: readonly ExtensionOverview[];
  readonly images: readonly JudgedImage[];
  /** How what is merged would be changed. */
  readonly choice: DriverChoice;
}

/** Configuration extensions, each with why it is merged or not. */
export async function confextsOverview(agent: Agent): Promise<ConfextsOverview> {
  const { driver } = agent.confexts;
  const hierarchies = driver.observe();
  const { images } = await survey(agent, agent.confexts);
  const extensions = overviewOf(images, mergedNames(hierarchies));
  return { hierarchies, extensions, images, choice: await driver.choice() };
}

/** @param merged names. */
export function overviewOf(images: readonly JudgedImage[], merged: readonly string[]): ExtensionOverview[] {
  const names = new Set([...images.map(({ image }) => image.name), ...merged]);
  return [...names].sort().map((name) => {
    const found = images.find(({ image }) => image.name === name);
    const isMerged = merged.includes(name);
    return {
      name,
      class: 'confext',
      version: '',
      size: found?.image.kind === 'raw' ? fileStatus(found.image.realPath)?.size : undefined,
      merged: isMerged,
      whyNot: isMerged || found === undefined ? undefined : whyNot(images, found),
      path: found?.image.path,
      ours: false,
      held: false,
      owner: undefined,
      allowed: [],
      rolledBack: [],
    };
  });
}

function whyNot(images: readonly JudgedImage[], found: JudgedImage): string {
  const reason = reasonOf(found.verdict);
  if (reason !== undefined) {
    return isBlocker(found) ? `${reason}; to take it out: ${commandAgainst(found.image)}` : reason;
  }
  const blocker = images.find(isBlocker);
  return blocker === undefined
    ? 'it fits and would be merged: run `sysext-agent refresh --class=confext`'
    : `${blocker.image.path} stops every merge of confexts`;
}
