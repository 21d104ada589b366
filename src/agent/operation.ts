import { isAgentError, messageOf, withLeft } from '../core/errors.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { readOsRelease } from '../systemd/host-release.ts';
import { mergedNames } from '../systemd/merged.ts';
import { forgetAbsence, refuseDuringAbsence } from './absences.ts';
import { extensionsInPlace } from './adoption.ts';
import type { Agent, Merger } from './agent.ts';
import { settleOwed } from './effects/settling.ts';
import { openHistory, type History } from './history.ts';
import { publishMetrics } from './metrics-file.ts';
import { keysInUse } from './offered-images.ts';
import { keepersOfEtc, overReadOnlyEtc } from './read-only-etc.ts';
import { mergeConfextsAgain, putBack, unsettled } from './recovery.ts';
import type {
  ExtensionChange,
  InstalledExtension,
  OperationRecord,
  OperationStart,
  StepRecord,
  Verb,
} from './records.ts';
import { sweep } from './sweep.ts';
import { tellDone, tellFailed } from './tidings.ts';
import { takeTurn } from './turn.ts';

/** What an operation did, for the record. */
export interface Deed<T> {
  readonly value: T;
  readonly extensions: readonly ExtensionChange[];
  /** Whether the generation that was in force before is given up. */
  readonly givesUp?: boolean;
}

/** What the work of an operation may use. */
export interface OperationScope {
  readonly history: History;
  /** The extensions of the generation in force. */
  readonly installed: readonly InstalledExtension[];
  /**
   * Records what is about to be done, before it is: without it nothing on the host may be changed.
   * @param extensions the set that is in force when it is done; undefined where that does not change.
   */
  intend(steps: readonly StepRecord[], extensions?: readonly InstalledExtension[]): void;
  /** Notes a step that was taken. */
  took(step: StepRecord): void;
}

/**
 * Runs one operation alone on this host and records it, whether it succeeds or fails.
 * @param merger what the operation is about: system extensions, unless it is that for others.
 * @throws AgentError `busy` where another operation is under way or a package manager at work, and whatever `work`
 * throws.
 */
export async function operate<T>(
  agent: Agent,
  verb: Verb,
  work: (scope: OperationScope) => Promise<Deed<T>>,
  merger: Merger = agent,
): Promise<T> {
  return alone(agent, async (history) => {
    if (verb !== 'unmerge' && verb !== 'gc') refuseDuringAbsence(agent);
    const value = await recorded(agent, history, verb, work, merger);
    if (verb !== 'gc' && merger === agent) forgetAbsence(agent);
    return value;
  });
}

/** Runs one operation of who is alone with the history, and records it. */
export async function recorded<T>(
  agent: Agent,
  history: History,
  verb: Verb,
  work: (scope: OperationScope) => Promise<Deed<T>>,
  merger: Merger = agent,
): Promise<T> {
  return perform(agent, history, history.begin(await startOf(agent, verb, merger)), work, merger);
}

/**
 * Lets `work` use the history while nobody else does, after what a killed operation left was cleared away.
 * @param options.atBoot whether systemd merges after this: nothing is merged here then.
 * @throws AgentError `busy` where another operation is under way.
 */
export async function alone<T>(
  agent: Agent,
  work: (history: History) => Promise<T>,
  { atBoot = false }: { readonly atBoot?: boolean } = {},
): Promise<T> {
  try {
    await agent.tool.features();
    using lock = await takeTurn(agent);
    using history = openHistory(agent.paths.history, { writable: true, note: agent.paths.historyNote });
    await afterCrash(agent, history, atBoot);
    return await workedAndTold(agent, history, work);
  } catch (error) {
    throw withLeft(error, 'Nothing was changed.');
  }
}

async function workedAndTold<T>(agent: Agent, history: History, work: (history: History) => Promise<T>): Promise<T> {
  try {
    return await work(history);
  } finally {
    await publishMetrics(agent);
  }
}

/** What the record says of an operation as it begins. */
export async function startOf(agent: Agent, verb: Verb, { tool }: Merger = agent): Promise<OperationStart> {
  const { version } = await tool.features();
  const { actor, clock, reason, root } = agent;
  const { name } = tool.extensionClass;
  return {
    verb,
    ...(name === 'sysext' ? {} : { class: name }),
    startedAt: clock.now(),
    actor,
    ...(reason === undefined ? {} : { reason }),
    os: systemName(root),
    systemd: versionText(version),
  };
}

/** Clears away what a killed operation left, and adopts what a lost history left. */
async function afterCrash(agent: Agent, history: History, atBoot: boolean): Promise<void> {
  const [last] = history.operations(1);
  const found = last === undefined ? await extensionsInPlace(agent) : [];
  if (found.length > 0) history.note(await startOf(agent, 'adopt'), { found });
  await agent.driver.settle(() => keysInUse(agent));
  const left = unsettled(agent, history);
  if (left === 'all') await putBack(agent, history.installed(), history.badImages(), mergeOf(history, last, atBoot));
  if (left === 'all' && !atBoot && last?.class === 'confext' && mayHaveMerged(history, last)) {
    await mergeConfextsAgain(agent, wasMerged(history, last));
  }
  if (left === 'owed' && !atBoot) await settleOwed(agent);
  history.abandonRunning();
  if (agent.bootId !== undefined) history.noteBoot(agent.bootId, agent.clock.now());
  sweep(agent, history);
}

/** How putBack() is to merge. */
function mergeOf(
  history: History,
  killed: OperationRecord | undefined,
  atBoot: boolean,
): { readonly was: boolean } | 'at-boot' | undefined {
  if (atBoot) return 'at-boot';
  const isSysext = killed !== undefined && killed.class === undefined;
  return isSysext && mayHaveMerged(history, killed) ? { was: wasMerged(history, killed) } : undefined;
}

/** Whether a killed operation may have left a merge half done, or done and not taken back. */
function mayHaveMerged(history: History, { id, verb }: OperationRecord): boolean {
  return !['unmerge', 'gc', 'prefetch', 'boot'].includes(verb) && history.steps(id).length > 0;
}

/** Whether something of its class was merged when the last operation had ended that was not killed and looked at it. */
function wasMerged(history: History, killed: OperationRecord): boolean {
  const recent = history.operations(100).filter(({ durationMs }) => durationMs !== undefined);
  const last = recent.find((one) => one.class === killed.class && !['hold', 'unhold', 'adopt'].includes(one.verb));
  return last !== undefined && last.merged.length > 0;
}

/** Does the work of the operation `id`, and records how it ended. */
async function perform<T>(
  agent: Agent,
  history: History,
  id: number,
  work: (scope: OperationScope) => Promise<Deed<T>>,
  { driver, tool }: Merger,
): Promise<T> {
  const installed = history.installed();
  const before = mergedNames(driver.observe());
  const start = agent.clock.monotonic();
  const steps: StepRecord[] = [];
  const end = () => ({
    durationMs: Math.round(agent.clock.monotonic() - start),
    merged: mergedNames(driver.observe()),
    extensions: [],
    ...(steps.length === 0 ? {} : { steps }),
  });
  let intended = false;
  const scope: OperationScope = {
    history,
    installed,
    intend: (planned, extensions) => {
      history.intend(id, planned, extensions);
      intended = extensions !== undefined;
    },
    took: (step) => steps.push(step),
  };
  try {
    const deed = await work(scope);
    await orPutBack(agent, history, { installed, intended }, () => {
      history.finish(id, {
        ...end(),
        result: 'done',
        extensions: deed.extensions,
        ...(deed.givesUp === undefined ? {} : { givesUp: deed.givesUp }),
      });
    });
    tellDone(agent, tool.extensionClass, deed.extensions, { before, now: mergedNames(driver.observe()) });
    tidy(() => {
      sweep(agent, history);
    });
    return deed.value;
  } catch (error) {
    const result = isAgentError(error, 'interrupted') ? 'interrupted' : 'failed';
    tidy(() => {
      history.finish(id, { ...end(), result, error: messageOf(error) }, isAgentError(error, 'rolled-back'));
    });
    tellFailed(agent, error);
    tidy(() => {
      sweep(agent, history);
    });
    throw overReadOnlyEtc(error, keepersOfEtc(agent.root));
  }
}

/** What cannot be recorded must not stay: the next operation would take it for someone else's. */
async function orPutBack(
  agent: Agent,
  history: History,
  { installed, intended }: { readonly installed: readonly InstalledExtension[]; readonly intended: boolean },
  write: () => void,
): Promise<void> {
  try {
    write();
  } catch (error) {
    if (!intended) throw withLeft(error, 'It is done, and only the record of it is missing.');
    await putBack(agent, installed, history.badImages());
    throw withLeft(error, 'Everything is as it was before.');
  }
}

/** Does what the next operation does where it fails now: an error here would hide what happened before. */
function tidy(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

function systemName(root: string): string {
  const { ID = '', VERSION_ID = '' } = readOsRelease(root);
  return `${ID} ${VERSION_ID}`.trim();
}

function versionText(version: SystemdVersion): string {
  return version.minor === 0 ? String(version.major) : `${version.major}.${version.minor}`;
}
