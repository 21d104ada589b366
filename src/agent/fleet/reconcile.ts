import { isAgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { mergedNames } from '../../systemd/merged.ts';
import type { Agent } from '../agent.ts';
import { isSameSet } from '../apply.ts';
import { imagesOf, staging, toldOf, type Coming } from '../arrivals.ts';
import {
  changesBetween,
  changeSet,
  permitted,
  planned,
  type ChangeOptions,
  type ChangeReport,
  type SetChange,
} from '../change.ts';
import { isUnfinished } from '../converge.ts';
import { openHistory } from '../history.ts';
import { installedIn } from '../installed.ts';
import type { Plan } from '../plan.ts';
import type { InstalledExtension } from '../records.ts';
import { attended, permissionNow, type Delay } from '../unattended/permission.ts';
import { readFleet, type FleetConfiguration } from './configuration.ts';
import { fleetDecision, isChange, type FleetDecision, type FleetGuard, type FleetInput } from './decision.ts';
import { owned, wantedSet } from './desired.ts';
import { getImages, problemsAt, type ImageSource, type Trouble } from './images.ts';
import { rememberFleet, type NamedProblems, type WaitingChanges } from './state.ts';

/** What came of bringing a host to what the drop-ins of the fleet want. */
export interface FleetReport extends ChangeReport {
  /** Everything that is wrong with drop-ins, or keeps what they want from being done. */
  readonly problems: readonly Problem[];
  /** Those of them that are not in what the files say, by the names of extensions. */
  readonly troubles: readonly NamedProblems[];
  /** Set where everything that the fleet installed would have gone. */
  readonly guard?: FleetGuard;
  /** Whether some of it may go well later, without a file being changed. */
  readonly mayPass: boolean;
  /** Those of the changes that an upgrade made. */
  readonly upgraded?: ChangeReport['extensions'];
  /** Set where something was not changed yet that nobody typed. */
  readonly waiting?: WaitingChanges;
}

export interface ReconcileOptions extends ChangeOptions {
  /** Whether nobody typed it: extensions come, change and go then only where that is permitted now. */
  readonly unattended?: boolean;
  /**
   * What waited for that when it was looked at last, and nothing has called since: then leave is asked for first, and only
   * who has it looks again at where images are published.
   */
  readonly waited?: WaitingChanges | undefined;
}

/**
 * Brings a host to what the drop-ins of the fleet want, and to what is recorded, in one operation: all of that or nothing
 * of it. What cannot be got or may not come is left out and told. Where all is well nothing is done, and nothing recorded.
 * @throws AgentError as install() and remove() do, where the change as a whole fails.
 */
export async function reconcileFleet(
  agent: Agent,
  imageFor: ImageSource,
  options: ReconcileOptions = {},
): Promise<FleetReport> {
  try {
    const report = await carryOut(agent, imageFor, fleetDecision, options);
    const { troubles, waiting } = report;
    if (options.dryRun !== true) rememberFleet(agent, { troubles, ...(waiting === undefined ? {} : { waiting }) });
    return report;
  } catch (error) {
    if (options.dryRun !== true) rememberFailure(agent, error);
    throw error;
  }
}

function rememberFailure(agent: Agent, error: unknown): void {
  const failure = failureOf(error);
  if (failure !== undefined) rememberFleet(agent, { troubles: [], failure });
}

/** Another operation that is under way, and Ctrl-C, say nothing of what is wanted. */
export function failureOf(error: unknown): string | undefined {
  if (!isAgentError(error) || error.code === 'busy' || error.code === 'interrupted') return undefined;
  return error.message;
}

/** What is to be done, from what the drop-ins say and what is recorded. */
type Decide = (input: FleetInput) => FleetDecision;

/**
 * Gets the images that a decision needs, and makes all its changes in one operation.
 * @param decide is asked again on what is recorded when nobody else changes it.
 */
export async function carryOut(
  agent: Agent,
  imageFor: ImageSource,
  decide: Decide,
  options: ReconcileOptions,
): Promise<FleetReport> {
  const configuration = readFleet(agent.root);
  const installed = await recordedSet(agent);
  const decision = decide({ configuration, installed: owned(installed) });
  const wanted = new Set(decision.verdicts.filter(isChange).map(({ name }) => name));
  const isKnown = options.unattended === true && options.waited !== undefined && wanted.size > 0;
  await using early = isKnown ? await permissionNow(agent) : attended;
  if (!early.granted) {
    return await stillWaiting(agent, { configuration, installed, decision, decide }, early.delay, options);
  }
  const { coming, troubles } = await getImages(agent, configuration, decision.verdicts, imageFor, options.signal);
  const attempt = { decide, coming, skip: new Set<string>() };
  const feasible = await feasibleChange(agent, configuration, attempt);
  const isFleets = decision.verdicts.length > 0;
  const changes = changesBetween(installed, feasible.plan.extensions ?? installed);
  const names = changes.map(({ name }) => name).filter((name) => wanted.has(name));
  const asked = names.length > 0 && options.unattended === true && !isKnown;
  await using permission = asked ? await permissionNow(agent) : attended;
  const { granted } = permission;
  const made = granted ? feasible : await feasibleChange(agent, configuration, { ...attempt, skip: new Set(names) });
  const report = await carriedOut(agent, installed, { ...made, isFleets }, options);
  const all = [...troubles, ...feasible.troubles];
  const told = all.map(({ name, problems }) => ({ name, problems }));
  return {
    ...report,
    troubles: told,
    warnings: [...coming.flatMap(toldOf), ...report.warnings],
    problems: [...configuration.problems, ...all.flatMap(({ problems }) => problems)],
    ...(decision.guard === undefined ? {} : { guard: decision.guard }),
    mayPass: all.some(({ mayPass }) => mayPass) || (!granted && permission.delay.until === undefined),
    ...(granted ? {} : { waiting: { names, ...permission.delay } }),
  };
}

interface Decided {
  readonly configuration: FleetConfiguration;
  readonly installed: readonly InstalledExtension[];
  readonly decision: FleetDecision;
  readonly decide: Decide;
}

/** What waits goes on waiting, and no image is got; what is recorded is brought back all the same. */
async function stillWaiting(
  agent: Agent,
  { configuration, installed, decision, decide }: Decided,
  delay: Delay,
  options: ReconcileOptions,
): Promise<FleetReport> {
  const skip = new Set(decision.verdicts.filter(isChange).map(({ name }) => name));
  const made = await feasibleChange(agent, configuration, { decide, coming: [], skip });
  const report = await carriedOut(agent, installed, { ...made, isFleets: decision.verdicts.length > 0 }, options);
  return {
    ...report,
    troubles: [],
    problems: configuration.problems,
    ...(decision.guard === undefined ? {} : { guard: decision.guard }),
    mayPass: delay.until === undefined,
    waiting: { names: options.waited?.names ?? [], ...delay },
  };
}

/** What the drop-ins want now. Nothing is changed, and no image is got. */
export async function decisionNow(
  agent: Agent,
): Promise<{ readonly configuration: FleetConfiguration; readonly decision: FleetDecision }> {
  const configuration = readFleet(agent.root);
  return { configuration, decision: fleetDecision({ configuration, installed: owned(await recordedSet(agent)) }) };
}

async function recordedSet(agent: Agent): Promise<readonly InstalledExtension[]> {
  using history = openHistory(agent.paths.history, { writable: false });
  return await installedIn(agent, history);
}

interface Feasible {
  readonly change: SetChange;
  readonly plan: Plan;
  readonly troubles: readonly Trouble[];
}

interface Attempt {
  readonly decide: Decide;
  readonly coming: readonly Coming[];
  /** Extensions that stay as they are. */
  readonly skip: ReadonlySet<string>;
}

/** The change without what this host does not let become as wanted: that is held, say, or was rolled back before. */
async function feasibleChange(agent: Agent, configuration: FleetConfiguration, attempt: Attempt): Promise<Feasible> {
  const change = changeOf(agent, configuration, attempt);
  const plan = await planned(agent, change);
  if (plan.refused.size === 0) return { change, plan, troubles: [] };
  const troubles = Array.from(plan.refused, ([name, error]) => ({
    name,
    problems: problemsAt(configuration, name, error),
    mayPass: false,
  }));
  const skip = new Set([...attempt.skip, ...plan.refused.keys()]);
  const rest = await feasibleChange(agent, configuration, { ...attempt, skip });
  return { ...rest, troubles: [...troubles, ...rest.troubles] };
}

/** Decided again on what is recorded when nobody else changes it: it may have changed while images were got. */
function changeOf(agent: Agent, configuration: FleetConfiguration, { decide, coming, skip }: Attempt): SetChange {
  const now = agent.clock.now();
  return {
    verb: 'apply',
    desired: (installed) => {
      const { verdicts } = decide({ configuration, installed: owned(installed) });
      const heeded = verdicts.filter(({ name }) => !skip.has(name));
      return {
        ...wantedSet(installed, heeded, coming, now),
        ...imagesOf(coming),
        confirm: true,
        merge: { verb: 'refresh', options: {}, ifNeeded: true },
      };
    },
    stage: staging(agent, coming),
  };
}

async function carriedOut(
  agent: Agent,
  installed: readonly InstalledExtension[],
  { change, plan, isFleets }: Feasible & { readonly isFleets: boolean },
  options: ChangeOptions,
): Promise<ChangeReport> {
  const made = permitted(plan);
  const same = made.extensions === undefined || isSameSet(made.extensions, installed);
  // On a host that no drop-in is about, what is merged is a person's business.
  if ((isFleets && made.steps.length > 0) || !same || isUnfinished(agent)) return changeSet(agent, change, options);
  const merged = mergedNames(agent.driver.observe());
  return { extensions: [], steps: [], merged, warnings: made.warnings };
}
