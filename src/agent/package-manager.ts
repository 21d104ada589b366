import { begun, ended, type Absence, type Holder } from '../core/absence.ts';
import { AgentError } from '../core/errors.ts';
import { fileStatus } from '../host/files.ts';
import { isRunning, originOf, processMark } from '../host/processes.ts';
import { mergedNames } from '../systemd/merged.ts';
import { forgetAbsence, readAbsence, rememberAbsence } from './absences.ts';
import type { Agent } from './agent.ts';
import type { History } from './history.ts';
import { mergeWith, type MergeReport } from './merge.ts';
import { alone, recorded } from './operation.ts';
import { keepersOfEtc, readOnlyEtcWarnings } from './read-only-etc.ts';
import { takeTurn } from './turn.ts';

/** A package manager that is about to change the host, or has. */
export interface PackageManager {
  readonly name: string;
  /** Its process, or one that it forked. */
  readonly pid: number;
  /** Whether nothing is to be merged while it is at work even where nothing is merged as it begins. */
  readonly evenIfUnmerged?: boolean;
}

/** What the beginning or the end of its transaction changed; no names where nothing was merged. */
export interface TransactionReport {
  /** Names that were taken away for it. */
  readonly unmerged: readonly string[];
  /** Names that are merged again. */
  readonly merged: readonly string[];
  readonly warnings: readonly string[];
}

const nothing: TransactionReport = { unmerged: [], merged: [], warnings: [] };

/**
 * Takes extensions away, since a package manager cannot write a merged `/usr`, and remembers that they were there. May
 * be called again, also by another package manager that the first one runs.
 * @throws AgentError `busy`, `usage` where there is no such process, or what keeps them from being unmerged: the
 * transaction must not go on.
 */
export async function beginTransaction(agent: Agent, manager: PackageManager): Promise<TransactionReport> {
  const holder = holderOf(manager);
  if (holder === undefined) throw new AgentError('usage', `there is no process ${manager.pid}`);
  try {
    const { evenIfUnmerged = false } = manager;
    const isIdle = !evenIfUnmerged && !(await isConcerned(agent));
    const report = isIdle ? nothing : await alone(agent, (history) => takeAway(agent, history, holder, evenIfUnmerged));
    return { ...report, warnings: [...report.warnings, ...readOnlyEtcWarnings(keepersOfEtc(agent.root))] };
  } catch (error) {
    throw error instanceof AgentError ? error.with({ next: wayOut(manager) }) : error;
  }
}

/**
 * Merges again what fits now, when the last of the package managers has ended that extensions were taken away for. May
 * be called at any time.
 * @throws AgentError `merge-failed`, `busy`: it is still remembered then, and the next operation merges.
 */
export async function endTransaction(agent: Agent, manager: PackageManager): Promise<TransactionReport> {
  if (readAbsence(agent) === undefined) return nothing;
  return alone(agent, (history) => bringBack(agent, history, manager));
}

/** A process that a package manager forks for its hooks stands for the package manager. */
function holderOf({ name, pid }: PackageManager): Holder | undefined {
  const mark = processMark(originOf(pid));
  return mark && { manager: name, ...mark };
}

function wayOut({ name }: PackageManager): string {
  return `Run ${name} again when that is mended; or take extensions away by hand with \`systemd-sysext unmerge\`, run ${name}, then \`sysext-agent apply\`.`;
}

/**
 * Whether there is anything to do. It is looked at under the lock: an operation under way may be about to merge. Where
 * nobody took the lock since the boot, none is.
 */
async function isConcerned(agent: Agent): Promise<boolean> {
  const isMerged = () => mergedNames(agent.driver.observe()).length > 0;
  if (fileStatus(agent.paths.lock) === undefined) return isMerged();
  using lock = await takeTurn(agent);
  return isMerged() || readAbsence(agent) !== undefined;
}

/** It is remembered before it is done: who is killed in between has lost nothing. */
async function takeAway(agent: Agent, history: History, holder: Holder, always: boolean): Promise<TransactionReport> {
  const merged = mergedNames(agent.driver.observe());
  const absence = begun({
    absence: readAbsence(agent),
    holder,
    merged,
    always,
    now: agent.clock.now(),
    isAlive: isRunning,
  });
  if (absence !== undefined) rememberAbsence(agent, absence);
  if (merged.length === 0) return nothing;
  const { warnings } = await merging(agent, history, 'unmerge', `${holder.manager} is about to change this system`);
  return { unmerged: merged, merged: [], warnings };
}

async function bringBack(agent: Agent, history: History, manager: PackageManager): Promise<TransactionReport> {
  const before = readAbsence(agent);
  if (before === undefined) return nothing;
  const absence = ended(before, holderOf(manager), isRunning);
  rememberAbsence(agent, absence);
  if (absence.holders.length > 0) return nothing;
  if (absence.merged.length === 0) {
    forgetAbsence(agent);
    return nothing;
  }
  const { merged, warnings } = await merging(agent, history, 'refresh', `${manager.name} has changed this system`);
  forgetAbsence(agent);
  return { unmerged: [], merged, warnings: [...warnings, ...lost(absence, merged)] };
}

async function merging(
  agent: Agent,
  history: History,
  verb: 'unmerge' | 'refresh',
  reason: string,
): Promise<MergeReport> {
  return recorded({ ...agent, reason }, history, verb, (scope) => mergeWith(agent, scope, verb, {}));
}

/** A new release of the system may be one that an extension was not made for. */
function lost(absence: Absence, merged: readonly string[]): string[] {
  return absence.merged
    .filter((name) => !merged.includes(name))
    .map((name) => `${name} was merged before and is not now: \`sysext-agent explain ${name}\` tells why`);
}
