import type { ClassName } from '../core/extension-class.ts';
import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import { mergerOf, type Agent } from './agent.ts';
import { apply, stepRecords } from './apply.ts';
import { permitted, planned, planWith } from './change.ts';
import { confextPlan } from './confexts.ts';
import { operate, type Deed, type OperationScope } from './operation.ts';
import type { ExtensionChange, InstalledExtension } from './records.ts';

/** What a merge, unmerge or refresh did. */
export interface MergeReport {
  /** Names merged afterwards, ascending. */
  readonly merged: readonly string[];
  /** What systemd-sysext said. */
  readonly said: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Runs `merge`, `unmerge` or `refresh` with the meaning and options of systemd-sysext(8), checks what is merged
 * afterwards, and records it. What would stop the merge of all others is kept from systemd first, or named.
 * @throws AgentError `merge-failed` where it is not what was meant, `busy`, `tool-missing`.
 */
export async function mergeOperation(
  agent: Agent,
  verb: MergeVerb,
  options: MergeOptions,
  name: ClassName = 'sysext',
): Promise<MergeReport> {
  if (name === 'sysext') return operate(agent, verb, (scope) => mergeWith(agent, scope, verb, options));
  await agent.confexts.tool.features();
  const work = (scope: OperationScope) => mergeConfexts(agent, scope, verb, options);
  return operate(agent, verb, work, agent.confexts);
}

async function mergeConfexts(
  agent: Agent,
  scope: OperationScope,
  verb: MergeVerb,
  options: MergeOptions,
): Promise<Deed<MergeReport>> {
  const made = permitted(await confextPlan(agent, verb, options));
  const { merged, said, warnings } = await apply(agent, scope, made);
  return { value: { merged, said, warnings }, extensions: merged.map((one) => mergedChange(one, [])) };
}

/** The same as the work of an operation that was begun. */
export async function mergeWith(
  agent: Agent,
  scope: OperationScope,
  verb: MergeVerb,
  options: MergeOptions,
): Promise<Deed<MergeReport>> {
  const made = permitted(await planWith(agent, scope.history, scope.installed, { merge: { verb, options } }));
  const { merged, said, warnings } = await apply(agent, scope, made);
  const value = { merged, said, warnings: [...made.warnings, ...warnings] };
  return { value, extensions: merged.map((name) => mergedChange(name, scope.installed)) };
}

/** The steps of that operation, in words. Nothing is changed. */
export async function mergeSteps(
  agent: Agent,
  verb: MergeVerb,
  options: MergeOptions,
  name: ClassName = 'sysext',
): Promise<readonly string[]> {
  await mergerOf(agent, name).tool.features();
  const made =
    name === 'confext'
      ? await confextPlan(agent, verb, options)
      : await planned(agent, { desired: () => ({ merge: { verb, options } }) });
  return stepRecords(agent, permitted(made)).map(({ description }) => description);
}

/** What the record says of a merged extension; of a foreign one it knows only the name. */
function mergedChange(name: string, installed: readonly InstalledExtension[]): ExtensionChange {
  const {
    version = '',
    sha256 = '',
    source = 'not installed by this agent',
  } = installed.find((extension) => extension.name === name) ?? {};
  return { name, version, sha256, source, change: 'merged', allowed: [] };
}
