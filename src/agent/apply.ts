import { AgentError, isAgentError } from '../core/errors.ts';
import { checkTitle } from '../core/health.ts';
import { messages } from '../core/messages.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import { mergedNames } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import type { Agent } from './agent.ts';
import { isEffect } from './effects/executors.ts';
import { noteSettlement, settle } from './effects/settling.ts';
import type { EffectStep } from './effects/steps.ts';
import { describeStep, executorOf, type Findings, type Workshop } from './executors.ts';
import type { History } from './history.ts';
import { runMerge } from './merging.ts';
import type { OperationScope } from './operation.ts';
import type { Plan, PlanStep } from './plan.ts';
import type { InstalledExtension, StepRecord } from './records.ts';
import { isForgiven } from './rolled-back.ts';
import { runSteps, type Step } from './steps.ts';
import { titles } from './tidings.ts';

export interface ApplyOptions {
  readonly signal?: AbortSignal;
  /** Stages the images that the plan takes from outside. */
  readonly stage?: Workshop['stage'];
}

/**
 * Takes the steps of a plan: records what is intended, then does it; where a step fails, those before it are undone in
 * reverse and what was merged is merged again.
 */
export async function apply(
  agent: Agent,
  scope: OperationScope,
  plan: Plan,
  { signal, stage = nothingToStage }: ApplyOptions = {},
): Promise<Findings> {
  const findings: Findings = { warnings: [], merged: mergedNames(agent.driver.observe()), said: [], touched: false };
  const workshop: Workshop = { agent, findings, stage, ...(signal === undefined ? {} : { signal }) };
  scope.intend(stepRecords(agent, plan), changedSet(plan, scope.installed));
  for (const image of plan.quarantined) scope.history.addBadImage(image);
  if (plan.quarantined.length > 0) agent.log?.tell(messages.quarantined, { images: titles(plan.quarantined) });
  try {
    await takeSteps(workshop, plan, (step) => timed(scope, step, workshop, plan), signal);
  } catch (error) {
    if (isAgentError(error, 'rolled-back')) denyPlaced(agent, scope, plan, error.message);
    throw error;
  }
  for (const step of plan.steps) if (step.kind === 'stage') forgive(scope.history, step.extension);
  return findings;
}

/** A merge alone has nothing to undo, and its error says what is merged now. */
async function takeSteps(
  workshop: Workshop,
  { steps, settlement }: Plan,
  executable: (step: PlanStep) => Step,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using inhibitors = new AsyncDisposableStack();
  const inhibiting: Step = {
    description: 'have a shutdown put off',
    do: async () => {
      inhibitors.use(await workshop.agent.inhibit('system extensions are being merged'));
    },
  };
  const [only, ...others] = steps;
  if (only?.kind === 'merge' && only.inspection === undefined && others.length === 0) {
    await inhibiting.do();
    await executable(only).do();
    return;
  }
  const unseen = steps.filter(({ kind }) => kind === 'stage' || kind === 'verify');
  const seen = steps.filter((step) => !unseen.includes(step));
  const { agent } = workshop;
  const noting = () => {
    noteSettlement(agent, settlement);
  };
  await runSteps(
    [
      ...unseen.map(executable),
      inhibiting,
      settling(workshop, 'bring what was before into force', settlement.after, noting),
      restoring(agent, steps),
      settling(workshop, 'stop what came', settlement.before),
      ...seen.map(executable),
    ],
    signal,
  );
}

/** Remembers images that the host was not well with: they are not installed again unless someone insists. */
function denyPlaced(agent: Agent, { history }: OperationScope, { steps, extensions }: Plan, reason: string): void {
  const since = agent.clock.now();
  for (const step of steps) {
    if (step.kind !== 'place') continue;
    const { name, sha256 } = step.extension;
    const version = extensions?.find((extension) => extension.sha256 === sha256)?.version ?? '';
    history.addBadImage({ name, version, sha256, kind: 'unhealthy', reason, since });
  }
}

function forgive(history: History, coming: InstalledExtension): void {
  for (const bad of history.badImages()) if (isForgiven(bad, coming)) history.removeBadImage(bad.sha256);
}

/** What the record says of the steps of a plan. */
export function stepRecords(agent: Agent, { steps }: Plan): StepRecord[] {
  return steps.map((step) => ({ description: describeStep(step, agent.paths.extensions), reason: step.reason }));
}

/** A set that is the one in force already makes no new generation. */
function changedSet(
  { extensions }: Plan,
  installed: readonly InstalledExtension[],
): readonly InstalledExtension[] | undefined {
  return extensions !== undefined && isSameSet(extensions, installed) ? undefined : extensions;
}

/** Whether two sets are the same in everything that is recorded of them but times. */
export function isSameSet(a: readonly InstalledExtension[], b: readonly InstalledExtension[]): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => isSame(one, other)));
}

/** What is allowed in an image, what tells of its health and whose it is are as much of it as its bytes. */
function isSame(a: InstalledExtension, b: InstalledExtension): boolean {
  const said = ({ allowed, health = [], owner }: InstalledExtension) => JSON.stringify([allowed, health, owner]);
  const image = a.name === b.name && a.kind === b.kind && a.sha256 === b.sha256 && a.version === b.version;
  return image && said(a) === said(b);
}

function timed(scope: OperationScope, step: PlanStep, workshop: Workshop, { extensions }: Plan): Step {
  const { agent, findings } = workshop;
  const description = describeStep(step, agent.paths.extensions);
  const { do: take, ...more } = executorOf(workshop, step);
  // Where the set stays, what is merged is what was asked for, and no failure after it takes that back.
  const lenient = extensions === undefined && isEffect(step);
  return {
    description,
    do: async () => {
      const [startedAt, start] = [agent.clock.now(), agent.clock.monotonic()];
      let said: readonly string[] | undefined;
      try {
        await take();
        if (step.kind === 'merge' && findings.choice !== undefined) said = mergeText(step, findings.choice);
      } catch (error) {
        said = isAgentError(error) ? error.details.facts : undefined;
        if (!lenient || !isAgentError(error)) throw error;
        findings.warnings.push(`${description}: ${error.message}`);
      } finally {
        const durationMs = Math.round(agent.clock.monotonic() - start);
        scope.took({ description, reason: step.reason, startedAt, durationMs, ...(said && { said }) });
      }
    },
    ...more,
  };
}

function mergeText({ inspection }: PlanStep & { readonly kind: 'merge' }, choice: DriverChoice): string[] {
  return [
    wayText(choice),
    ...(inspection?.checks ?? []).map((check) => `the health check ${checkTitle(check)} was well`),
  ];
}

/** Whether what is merged could be absent meanwhile, for the record. */
function wayText({ driver, why }: DriverChoice): string {
  return driver === 'atomic' ? 'without a gap (atomic)' : `with a gap (refresh): ${why}`;
}

/**
 * The step that is undone last: it merges again what was merged before, where that is not so any more.
 * What counts is what is merged: a refresh can do its work and still fail, over units that do not start. Where a directory
 * was replaced that is merged, what is merged has lost its files, and only a new merge brings them back.
 */
function restoring(agent: Agent, steps: readonly PlanStep[]): Step {
  const before = agent.driver.observe();
  const merges = steps.find((step) => step.kind === 'merge');
  return {
    description: 'merge again what was merged before',
    do: () => undefined,
    undo: async () => {
      if (merges === undefined) return;
      const same = JSON.stringify(agent.driver.observe()) === JSON.stringify(before);
      if (same && (merges.options.alwaysRefresh !== true || mergedNames(before).length === 0)) return;
      await runMerge(agent, 'refresh', merges.options).catch((error: unknown) => {
        if (!sameNames(agent.driver.observe(), before)) throw error;
      });
    },
  };
}

/** A step that does nothing, and whose undo takes others, where there is something around the merge to take back. */
function settling(
  { agent, findings }: Workshop,
  description: string,
  steps: readonly EffectStep[],
  noting: () => void = () => undefined,
): Step {
  return {
    description,
    do: noting,
    undo: () => (findings.touched ? settle({ ...agent, warnings: findings.warnings }, steps) : undefined),
  };
}

function sameNames(a: readonly HierarchyStatus[], b: readonly HierarchyStatus[]): boolean {
  return mergedNames(a).join('/') === mergedNames(b).join('/');
}

function nothingToStage(): never {
  throw new AgentError('internal', 'a plan takes an image from outside, and nobody gave one');
}
