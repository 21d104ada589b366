import { apply, stepRecords, type ApplyOptions } from './apply.ts';
import type { Agent } from './agent.ts';
import { withEffects } from './effects/with-effects.ts';
import { describeStep } from './executors.ts';
import { openHistory, type History } from './history.ts';
import { installedIn } from './installed.ts';
import { observe } from './observation.ts';
import { operate } from './operation.ts';
import { defaultPolicy, plan, type Desired, type Plan } from './plan.ts';
import { keepersOfEtc, withReadOnlyEtc } from './read-only-etc.ts';
import type { ExtensionChange, InstalledExtension, Verb } from './records.ts';

/** What a change did, or with `dryRun` would do. */
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

/** A change of the set of extensions that is in force. */
export interface SetChange extends Pick<ApplyOptions, 'stage'> {
  readonly verb: Verb;
  /** What should be, from what is in force and what was before. */
  desired(installed: readonly InstalledExtension[], history: History): Desired;
  /** What the record says of the extensions it was about; left out, those that differ. */
  changes?(installed: readonly InstalledExtension[]): readonly ExtensionChange[];
}

/**
 * Makes a change to the set of extensions and merges the result; where that fails, it is undone.
 * @throws AgentError the first reason why the change must not be made, or what failed.
 */
export async function changeSet(
  agent: Agent,
  change: SetChange,
  { dryRun = false, signal }: ChangeOptions = {},
): Promise<ChangeReport> {
  if (dryRun) return dryRunReport(agent, await planned(agent, change));
  return operate(agent, change.verb, async (scope) => {
    const { installed, history } = scope;
    const made = permitted(await planWith(agent, history, installed, change.desired(installed, history)));
    const { stage } = change;
    const { merged, warnings } = await apply(agent, scope, made, {
      ...(signal === undefined ? {} : { signal }),
      ...(stage === undefined ? {} : { stage }),
    });
    const extensions = change.changes?.(installed) ?? changesBetween(installed, made.extensions ?? installed);
    return { value: { extensions, steps: [], merged, warnings: [...made.warnings, ...warnings] }, extensions };
  });
}

/** What a change would do now. Nothing is written. */
export async function planned(agent: Agent, change: Pick<SetChange, 'desired'>): Promise<Plan> {
  using history = openHistory(agent.paths.history, { writable: false });
  const installed = await installedIn(agent, history);
  return await planWith(agent, history, installed, change.desired(installed, history));
}

/** The plan that leads from what the host shows now to what is desired. */
export async function planWith(
  agent: Agent,
  history: History,
  installed: readonly InstalledExtension[],
  desired: Desired,
): Promise<Plan> {
  const names = [...installed, ...(desired.extensions ?? [])].map(({ name }) => name);
  const atBoot = (desired.extensions ?? []).length > 0;
  const observed = await observe(agent, { names, atBoot, confirm: desired.confirm === true });
  const held = history.holds().map(({ name }) => name);
  const recorded = { extensions: installed, held, bad: history.badImages() };
  const input = { desired, observed, recorded, policy: defaultPolicy, now: agent.clock.now() };
  const made = await withEffects(agent, input, plan(input));
  return withReadOnlyEtc(made, keepersOfEtc(agent.root), (step) => describeStep(step, agent.paths.extensions));
}

/** @throws AgentError the first reason why the steps must not be taken. */
export function permitted(made: Plan): Plan {
  const [refusal] = made.refusals;
  if (refusal !== undefined) throw refusal;
  return made;
}

function dryRunReport(agent: Agent, made: Plan): ChangeReport {
  const steps = stepRecords(agent, permitted(made)).map(({ description }) => description);
  return { extensions: [], steps, merged: [], warnings: made.warnings };
}

/** How one set differs from another, ascending by name. */
export function changesBetween(
  before: readonly InstalledExtension[],
  after: readonly InstalledExtension[],
): ExtensionChange[] {
  const had = new Map(before.map((extension) => [extension.name, extension]));
  const gone = before.filter(({ name }) => !after.some((extension) => extension.name === name));
  const come = after.filter(({ name, sha256, version }) => {
    const previous = had.get(name);
    return previous?.sha256 !== sha256 || previous.version !== version;
  });
  const changes = [
    ...gone.map((extension) => changeOf(extension, 'removed')),
    ...come.map((extension) => changeOf(extension, had.has(extension.name) ? 'replaced' : 'added')),
  ];
  return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function changeOf(
  { name, version, sha256, source, allowed }: InstalledExtension,
  change: ExtensionChange['change'],
): ExtensionChange {
  return { name, version, sha256, source, change, allowed: change === 'removed' ? [] : allowed };
}
