import { isAgentError, type AgentError } from '../../core/errors.ts';
import { linkStatus, readTextIfAny, unlinkDurably, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';
import { takeEffect, type Bench } from './executors.ts';
import { isNoUnitStep } from './planning.ts';
import { nothingToSettle, type EffectStep, type Settlement } from './steps.ts';

/** What is written before the first step, so that it can be taken back after the process was killed. */
interface Note extends Settlement {
  readonly bootId?: string;
}

/** Writes down what takes a change back. */
export function noteSettlement({ paths, bootId }: Agent, settlement: Settlement): void {
  if (settlement.before.length + settlement.after.length === 0) return;
  const note: Note = { ...settlement, ...(bootId === undefined ? {} : { bootId }) };
  writeAtomically(paths.settlement, JSON.stringify(note), 0o600);
}

/** What takes the change back that was under way. After a reboot no unit is as it was then, and each is as it should be. */
export function notedSettlement({ paths, bootId }: Agent): Settlement {
  const text = readTextIfAny(paths.settlement);
  if (text === undefined) return nothingToSettle;
  const note = parseNote(text);
  return note.bootId === bootId ? note : { before: [], after: note.after.filter(isNoUnitStep) };
}

/** Only root writes there, and whole files: what is none of ours is nothing to act on. */
function parseNote(text: string): Note {
  try {
    return JSON.parse(text) as Note;
  } catch {
    return nothingToSettle;
  }
}

/** Forgets it: the change stands, or was taken back. */
export function forgetSettlement({ paths }: Agent): void {
  if (linkStatus(paths.settlement) !== undefined) unlinkDurably(paths.settlement);
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
