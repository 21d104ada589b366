import { holderNames, parseAbsence, renderAbsence, type Absence } from '../core/absence.ts';
import { AgentError } from '../core/errors.ts';
import { readTextIfAny, unlinkDurably, writeAtomically } from '../host/files.ts';
import { isRunning } from '../host/processes.ts';
import type { Agent } from './agent.ts';

/** What is remembered of extensions that were taken away for a package manager: in /run, so that it ends with the boot. */

export function readAbsence(agent: Agent): Absence | undefined {
  const text = readTextIfAny(agent.paths.absence);
  return text === undefined ? undefined : parseAbsence(text);
}

/** The same with those package managers alone that are still at work. */
export function livingAbsence(agent: Agent): Absence | undefined {
  const absence = readAbsence(agent);
  return absence && { ...absence, holders: absence.holders.filter(isRunning) };
}

export function rememberAbsence(agent: Agent, absence: Absence): void {
  writeAtomically(agent.paths.absence, renderAbsence(absence));
}

/** To be called when what is merged was decided anew: nothing is to be merged again then. */
export function forgetAbsence(agent: Agent): void {
  if (readTextIfAny(agent.paths.absence) !== undefined) unlinkDurably(agent.paths.absence);
}

/**
 * Keeps an operation from merging while a package manager is at work, which could no longer write then.
 * @throws AgentError `busy`.
 */
export function refuseDuringAbsence(agent: Agent): void {
  const absence = livingAbsence(agent);
  if (absence === undefined || absence.holders.length === 0) return;
  const { since, merged, holders } = absence;
  const names = holderNames(holders);
  const [what, then] =
    merged.length === 0
      ? [`nothing can be merged while ${names} is at work`, 'Try again when it has ended.']
      : [
          `extensions were unmerged on ${since.toISOString()} for ${names}`,
          'Try again when it has ended: they are merged again then.',
        ];
  throw new AgentError('busy', what, {
    left: 'Nothing was changed.',
    next: then,
    retryable: true,
  });
}
