import { AgentError } from '../core/errors.ts';
import { reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import { commandAgainst } from './masks.ts';
import type { PlanInput } from './plan.ts';
import type { Target } from './plan-targets.ts';
import { fitOf, unmaskedBlockers } from './plan-verdicts.ts';

/** Why named extensions cannot become as desired, by their names. */
export function refusedNames(input: PlanInput, targets: readonly Target[]): Map<string, AgentError> {
  const named = targets.filter(({ name }) => input.desired.named?.includes(name));
  return new Map(
    named.flatMap((target) => {
      const refusal = refusalOf(input, target);
      return refusal === undefined ? [] : [[target.name, refusal] as const];
    }),
  );
}

/** Why nothing can be merged at all. */
export function blockerRefusals(input: PlanInput): AgentError[] {
  const { merge } = input.desired;
  if (merge === undefined || merge.verb === 'unmerge') return [];
  const blockers = unmaskedBlockers(input);
  return blockers.length === 0 ? [] : [blockersError(`systemd-sysext ${merge.verb}`, blockers)];
}

function refusalOf(input: PlanInput, target: Target): AgentError | undefined {
  return (
    heldRefusal(target) ??
    deniedRefusal(target) ??
    conflictRefusal(input, target) ??
    goneRefusal(input, target) ??
    misfitRefusal(input, target)
  );
}

const left = 'Nothing was changed.';

function heldRefusal({ name, kept, wanted }: Target): AgentError | undefined {
  if (!kept) return undefined;
  const version = wanted?.version ?? '';
  return new AgentError('held', `${name} is held at ${version === '' ? 'the image that it has' : version}`, {
    left,
    next: `Let it go with \`sysext-agent unhold ${name}\`, then try again.`,
  });
}

function deniedRefusal({ name, wanted, bad }: Target): AgentError | undefined {
  if (wanted === undefined || bad?.kind !== 'unhealthy') return undefined;
  return new AgentError(
    'rolled-back',
    `${title(wanted)} was rolled back on ${bad.since.toISOString()}: ${bad.reason}`,
    {
      facts: [`sha256 ${bad.sha256}`],
      left,
      next: `Install another version of ${name}, or this one again with --retry.`,
    },
  );
}

/** For an extension that goes it does not matter what systemd takes in its place. */
function conflictRefusal({ observed }: PlanInput, { name, wanted }: Target): AgentError | undefined {
  const path = observed.occupied.get(name) ?? (wanted === undefined ? undefined : observed.shadowing.get(name));
  if (path === undefined) return undefined;
  const verb = wanted === undefined ? 'remove' : 'install';
  return conflictWith(path, name, `Move ${path} away, then ${verb} ${name} again.`);
}

function goneRefusal({ desired, observed }: PlanInput, { name, wanted, inPlace }: Target): AgentError | undefined {
  if (wanted === undefined || inPlace) return undefined;
  if (desired.sources?.has(wanted.sha256) === true || observed.stored.has(wanted.sha256)) return undefined;
  return new AgentError('no-such-file', `the image of ${title(wanted)} is no longer in the store`, {
    facts: [`sha256 ${wanted.sha256}`, `it came from ${wanted.source}`],
    left,
    next: `Install ${name} again from where it came.`,
  });
}

function misfitRefusal(input: PlanInput, target: Target): AgentError | undefined {
  const { name, wanted } = target;
  if (wanted === undefined) return undefined;
  const fit = fitOf(input, target);
  if (fit.fits) return undefined;
  const { field, expected, found, reason } = fit.why;
  return new AgentError('incompatible', `${title(wanted)} does not fit this host any more: ${reason}`, {
    facts: [`field: ${field}`, `expected: ${expected}`, `found: ${found === '' ? '(nothing)' : found}`],
    left,
    next: `Build or choose an image of ${name} for this system.`,
  });
}

function title({ name, version }: { readonly name: string; readonly version: string }): string {
  return [name, version].join(' ').trim();
}

/** The error for an extension name that something else holds. */
function conflictWith(path: string, name: string, next: string): AgentError {
  return new AgentError(
    'conflict',
    `${path} is in the way of the extension ${name}, and this agent did not put it there`,
    { left: 'Nothing was changed.', next },
  );
}

/** What stops every merge, with the command that takes it out. @param command such as `systemd-sysext refresh`. */
export function blockersError(command: string, blockers: readonly JudgedImage[]): AgentError {
  const [first] = blockers;
  return new AgentError('merge-failed', `${command} ${foretold(blockers)}`, {
    facts: blockers.map(blockerFact),
    left,
    ...(first === undefined ? {} : { next: `Take it out of the way, for example: ${commandAgainst(first.image)}` }),
  });
}

/** What systemd-sysext would do with what must not be merged. */
function foretold(blockers: readonly JudgedImage[]): string {
  const paths = blockers.map(({ image }) => image.path).join(', ');
  return blockers.some(({ verdict }) => verdict.outcome === 'stops')
    ? `would fail over ${paths}: one such image stops the merge of all others`
    : `would merge the damaged ${paths}: reading it would fail`;
}

/** Some reasons name the file already. */
function blockerFact({ image, verdict }: JudgedImage): string {
  const reason = reasonOf(verdict) ?? '';
  return reason.startsWith(image.realPath) ? reason : `${image.path}: ${reason}`;
}
