import { allowedText } from '../agent/allowed.ts';
import type { Conflict, Explanation, Origin } from '../agent/explain.ts';
import { rolledBackText } from '../agent/rolled-back.ts';
import { namedPaths } from '../core/contents/rule.ts';
import { extensionClasses } from '../core/extension-class.ts';
import { reasonOf, type Verdict } from '../systemd/verdicts.ts';
import { formatTime } from './output.ts';

/** An explanation as one paragraph. */
export function explanationText(explanation: Explanation): string {
  const { extension, conflicts, confext } = explanation;
  const { program } = extensionClasses[extension.class ?? 'sysext'];
  return [
    stateSentence(explanation),
    ...(extension.merged ? nextTimeSentences(explanation.verdict) : consequenceSentences(explanation.verdict, program)),
    ...originSentences(explanation, program),
    ...rolledBackSentences(explanation),
    ...extension.allowed.map((allowed) => `Allowed in it: ${allowedText(allowed)}.`),
    ...conflicts.map(conflictSentence),
    ...(confext === undefined ? [] : [explanationText(confext)]),
  ].join(' ');
}

function stateSentence({ extension, merged }: Explanation): string {
  const { name, version, whyNot } = extension;
  const title = [...(extension.class === 'confext' ? ['The confext'] : []), name, version].join(' ').trim();
  if (whyNot !== undefined) return `${title} is not merged: ${whyNot}.`;
  const [first] = merged;
  const where = merged.map(({ hierarchy }) => hierarchy).join(' and ');
  return first === undefined
    ? `${title} is merged, and adds nothing to /usr and /opt.`
    : `${title} is merged into ${where} since ${formatTime(first.since)}.`;
}

/** What is merged now may not be merged again: the host or the image changed since. */
function nextTimeSentences(verdict: Verdict | undefined): string[] {
  if (verdict === undefined) return ['Its image is gone: the next refresh takes it out.'];
  if (verdict.outcome === 'merges' || verdict.outcome === 'unknown') return [];
  return [`It would not be merged again: ${reasonOf(verdict) ?? ''}.`];
}

function consequenceSentences(verdict: Verdict | undefined, program: string): string[] {
  switch (verdict?.outcome) {
    case 'ignored':
      return [`${program} passes over it.`];
    case 'stops':
      return [`${program} fails over it, so nothing else is merged either.`];
    case 'damaged':
      return ['Its files could not be read, so nothing is merged while it is there.'];
    case 'unknown':
      return [`What ${program} would do with it cannot be told here.`];
    case 'merges':
    case undefined:
      return [];
  }
}

/** Where there is nothing else of an extension that is why it is not merged. */
function rolledBackSentences({ extension: { name, merged, path, ours, rolledBack } }: Explanation): string[] {
  if (!merged && !ours && path === undefined) return [];
  return rolledBack.map((image) => `${name} ${rolledBackText(image)}.`);
}

function originSentences(
  { extension: { path, ours, merged, rolledBack }, origin }: Explanation,
  program: string,
): string[] {
  if (origin === undefined && path === undefined && !merged && rolledBack.length > 0) return [];
  const place = path === undefined ? [] : [`${program} finds it at ${path}.`];
  if (origin === undefined) return [...place, 'This agent did not install it.'];
  const { vouchedBy } = origin;
  const installed = installationSentence(origin);
  const vouched = vouchedBy === undefined ? [] : [`Who vouched for it: ${vouchedBy}.`];
  return ours
    ? [installed, ...vouched, ...place]
    : [`${installed} But ${path ?? ''} is another image of that name, and the one that counts.`];
}

function installationSentence({ source, at, operation }: Origin): string {
  if (operation?.verb === 'rollback') {
    return `Operation ${operation.id} of uid ${operation.actor.uid} went back to it at ${formatTime(at)}; it came from ${source}.`;
  }
  const by = operation === undefined ? '' : ` by operation ${operation.id} of uid ${operation.actor.uid}`;
  return `It was installed from ${source}${by} at ${formatTime(at)}.`;
}

function conflictSentence({ other, wins, paths }: Conflict): string {
  const shared = `${other} has ${namedPaths(paths)} as well`;
  if (wins === undefined) return `${shared}, and systemd does not say whose wins.`;
  return `${shared}: ${wins ? 'that of this one wins, the greater name' : `that of ${other} wins, the greater name`}.`;
}
