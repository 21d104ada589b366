import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import { isBlocker } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { nothingToSettle } from './effects/steps.ts';
import { survey } from './merging.ts';
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
