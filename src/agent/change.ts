import { mergedNames, readMerged } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import type { Agent } from './agent.ts';
import type { ExtensionChange } from './history.ts';
import { runMerge } from './merging.ts';
import { runSteps, type Step } from './steps.ts';

/** What an install or remove did, or with `dryRun` would do. */
export interface ChangeReport {
  readonly extensions: readonly ExtensionChange[];
  /** What a dry run would do, in words; empty where it was done. */
  readonly steps: readonly string[];
  /** Names merged afterwards. */
  readonly merged: readonly string[];
  readonly warnings: readonly string[];
}

export interface ChangeOptions {
  /** Only tell the steps. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export const refreshDescription = 'systemd-sysext refresh';

/** A step that may find something the user should know and that is no reason to fail. */
export interface WarningStep extends Step {
  warning?(): string | undefined;
}

/**
 * Makes a change to what systemd finds and merges the result; where either fails, the change is undone and what was
 * there before is merged again.
 * @param options.directories whether a directory image changed: from 260 on systemd does not see that by itself.
 */
export async function changeMerged(
  agent: Agent,
  steps: readonly WarningStep[],
  options: ChangeOptions & { readonly directories: boolean },
): Promise<{ merged: readonly string[]; warnings: readonly string[] }> {
  const refresh = async () => runMerge(agent, 'refresh', { alwaysRefresh: options.directories });
  const wasMerged = readMerged(agent.root);
  const before = JSON.stringify(wasMerged);
  let merged: readonly string[] = [];
  const restore: Step = {
    description: 'merge again what was merged before',
    do: () => undefined,
    undo: async () => {
      if (JSON.stringify(readMerged(agent.root)) === before) return;
      // What counts is what is merged: a refresh can do its work and still fail, over units that do not start.
      await refresh().catch((error: unknown) => {
        if (!sameNames(readMerged(agent.root), wasMerged)) throw error;
      });
    },
  };
  const merge: Step = {
    description: refreshDescription,
    do: async () => {
      ({ merged } = await refresh());
    },
  };
  await runSteps([restore, ...steps, merge], options.signal);
  return { merged, warnings: steps.flatMap((step) => step.warning?.() ?? []) };
}

function sameNames(a: readonly HierarchyStatus[], b: readonly HierarchyStatus[]): boolean {
  return mergedNames(a).join('/') === mergedNames(b).join('/');
}
