import { AgentError, isAgentError } from '../core/errors.ts';
import { confext } from '../core/extension-class.ts';
import { mergedNames, mergeMarks, readMerged } from '../systemd/merged.ts';
import type { Plan, PlanStep } from './plan.ts';

/**
 * While configuration extensions are merged nobody can write to /etc, unless they are merged so that one can. They are
 * there because someone wants them: what has to write there is refused, and they are never taken out for it.
 */

/** The configuration extensions by which /etc is read-only; none where it is not for them. */
export function keepersOfEtc(root: string): string[] {
  const isKept = mergeMarks(root, confext).some(({ mutable }) => !mutable);
  return isKept ? mergedNames(readMerged(root, confext)) : [];
}

/**
 * The same plan where /etc is read-only: what must write there is refused before anything is done, and of what a change
 * can do without it is told. @param describe a step in words.
 */
export function withReadOnlyEtc(made: Plan, keepers: readonly string[], describe: (step: PlanStep) => string): Plan {
  if (keepers.length === 0) return made;
  // Where the set stays, what is merged does not hang on what follows the merge.
  const isSet = made.extensions !== undefined;
  const makesCopies = isSet && made.settlement.after.some(({ kind }) => kind === 'take-back');
  const spared = made.steps.filter(({ kind }) => (isSet ? caches : [...caches, ...followUps]).includes(kind));
  const writing = made.steps.filter(
    (step) => !spared.includes(step) && (mustWrite(step) || (step.kind === 'tmpfiles' && makesCopies)),
  );
  const sentence = sentenceOf(keepers);
  return {
    ...made,
    steps: made.steps.filter((step) => !spared.includes(step)),
    warnings: [...made.warnings, ...spared.map((step) => `${describe(step)} is left out: ${sentence}. ${remedy}`)],
    refusals: [...made.refusals, ...(writing.length === 0 ? [] : [refusal(sentence, writing.map(describe))])],
  };
}

/** What is told to who is about to write to /etc by other means. */
export function readOnlyEtcWarnings(keepers: readonly string[]): string[] {
  return keepers.length === 0 ? [] : [`${sentenceOf(keepers)}. ${remedy}`];
}

/** Says why, where something failed over that. */
export function overReadOnlyEtc(error: unknown, keepers: readonly string[]): unknown {
  if (!isAgentError(error) || keepers.length === 0) return error;
  const { facts = [] } = error.details;
  const said = [error.message, ...facts].filter(
    (line) => line.includes('/etc') && /read-only file ?system|is read-only/i.test(line),
  );
  const sentence = sentenceOf(keepers);
  if (said.length === 0 || error.message.includes(sentence)) return error;
  return error.with({ facts: [...facts, sentence], next: remedy });
}

const caches: readonly PlanStep['kind'][] = ['ldconfig', 'hwdb'];
const followUps: readonly PlanStep['kind'][] = ['sysusers', 'take-back'];

function mustWrite(step: PlanStep): boolean {
  if (step.kind === 'mask' || step.kind === 'unmask') return step.mask.at.startsWith('/etc/');
  return step.kind === 'enable' || followUps.includes(step.kind);
}

function sentenceOf(keepers: readonly string[]): string {
  const names = keepers.length === 1 ? `the confext ${keepers.join()} is` : `the confexts ${keepers.join(', ')} are`;
  return `/etc is read-only, since ${names} merged`;
}

const remedy =
  'Have confexts merged so that /etc can be written to (Mutable= in confext.conf, from systemd 259 on), or take them out meanwhile: sysext-agent unmerge --class=confext';

function refusal(sentence: string, writing: readonly string[]): AgentError {
  return new AgentError('read-only', `${sentence}, and this has to write there`, {
    facts: writing,
    left: 'Nothing was changed.',
    next: remedy,
  });
}
