import { isAgentError, type AgentError } from '../../core/errors.ts';
import { linkStatus, readTextIfAny, unlinkDurably, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';
import { takeEffect, type Bench } from './executors.ts';
import { isNoUnitStep } from './planning.ts';
import { nothingToSettle, type EffectStep, type Settlement } from './steps.ts';

/** What is written before the first step, so that it can be taken back after the process was killed. */
interface Note extends Settlement {
  readonly bootId?: string;
  /** Whether the rest was put back, before systemd merged at boot: this is still to be done. */
  readonly owed?: true;
}

/** Writes down what takes a change back. */
export function noteSettlement({ paths, bootId }: Agent, settlement: Settlement): void {
  if (settlement.before.length + settlement.after.length === 0) return;
  const note: Note = { ...settlement, ...(bootId === undefined ? {} : { bootId }) };
  writeAtomically(paths.settlement, JSON.stringify(note), 0o600);
}

/** What takes the change back that was under way. After a reboot no unit is as it was then, and each is as it should be. */
export function notedSettlement({ paths, bootId }: Pick<Agent, 'paths' | 'bootId'>): Settlement {
  const note = readNote(paths);
  return note.bootId === bootId ? note : { before: [], after: note.after.filter(isNoUnitStep) };
}

/** Leaves what cannot be settled before systemd merges at boot to whoever comes after that. */
export function oweSettlement(agent: Agent): void {
  const { after } = notedSettlement({ paths: agent.paths });
  if (after.length === 0) unlinkIfAny(agent.paths.settlement);
  else writeAtomically(agent.paths.settlement, JSON.stringify({ before: [], after, owed: true }), 0o600);
}

/** Whether there is something left to settle of an operation that was otherwise put back. */
export function isSettlementOwed({ paths }: Pick<Agent, 'paths'>): boolean {
  return readNote(paths).owed === true;
}

/** Settles what a boot left: what cannot be done now is not tried again. */
export async function settleOwed(agent: Agent): Promise<void> {
  await settleOrLeave(agent, readNote(agent.paths).after);
  unlinkIfAny(agent.paths.settlement);
}

function readNote({ settlement }: Agent['paths']): Note {
  const text = readTextIfAny(settlement);
  return text === undefined ? nothingToSettle : parseNote(text);
}

/** Only root writes there, and whole files: what is none of ours is nothing to act on. */
function parseNote(text: string): Note {
  try {
    return JSON.parse(text) as Note;
  } catch {
    return nothingToSettle;
  }
}

/** Forgets it: the change stands, or was taken back. What is owed stays. */
export function forgetSettlement(agent: Agent): void {
  if (!isSettlementOwed(agent)) unlinkIfAny(agent.paths.settlement);
}

function unlinkIfAny(path: string): void {
  if (linkStatus(path) !== undefined) unlinkDurably(path);
}

/**
 * What cannot be brought back into force now must not keep the next operation from its work. Below another root nothing is
 * done: that system has other daemons and another /etc.
 */
export async function settleOrLeave(agent: Agent, steps: readonly EffectStep[]): Promise<void> {
  if (agent.root !== '/') return;
  try {
    await settle({ ...agent, warnings: [] }, steps);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

/**
 * Takes all these steps, whatever becomes of the others.
 * @throws AgentError the first failure, with the others as facts.
 */
export async function settle(bench: Bench, steps: readonly EffectStep[]): Promise<void> {
  const failures: AgentError[] = [];
  for (const step of steps) {
    try {
      await takeEffect(bench, step);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      failures.push(error);
    }
  }
  const [first, ...others] = failures;
  if (first === undefined) return;
  throw first.with({ facts: [...(first.details.facts ?? []), ...others.flatMap(linesOf)] });
}

function linesOf({ message, details }: AgentError): string[] {
  return [message, ...(details.facts ?? [])];
}
