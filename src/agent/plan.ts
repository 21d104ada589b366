import type { HostRelease } from '../core/compatibility.ts';
import type { AgentError } from '../core/errors.ts';
import type { ClassName } from '../core/extension-class.ts';
import type { HealthCheck } from '../core/health.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { mergedNames } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import { remergeReason } from './drift.ts';
import { nothingToSettle, type EffectStep, type Settlement } from './effects/steps.ts';
import { maskings } from './masks.ts';
import type { ObservedMerge } from './merged-images.ts';
import { confirmSteps, inspected } from './plan-health.ts';
import { blockerRefusals, refusedNames } from './plan-refusals.ts';
import { targetsOf, type Target } from './plan-targets.ts';
import { misfitOf, verdictsOf } from './plan-verdicts.ts';
import type { BadImage, InstalledExtension } from './records.ts';

/** One change of the host, as data: what it changes, and why. docs/apply.md has a row for each kind. */
export type PlanStep = EffectStep | OwnStep;

/** The steps that lead to a merge, and that judge it. */
export type OwnStep = { readonly reason: string } & (
  | { readonly kind: 'stage'; readonly extension: InstalledExtension; readonly from: string }
  | { readonly kind: 'verify'; readonly extension: InstalledExtension }
  | { readonly kind: 'withdraw'; readonly extension: ImageOf }
  | { readonly kind: 'unmask'; readonly mask: Mask }
  | { readonly kind: 'mask'; readonly mask: Mask }
  | { readonly kind: 'place'; readonly extension: ImageOf; readonly previous: ImageOf | undefined }
  | { readonly kind: 'enable'; readonly unit: string }
  | {
      readonly kind: 'merge';
      readonly verb: MergeVerb;
      readonly options: MergeOptions;
      /** Of what, where that is not system extensions. */
      readonly class?: ClassName;
      /** Absent where there is nothing to look into. */
      readonly inspection?: Inspection;
    }
  | { readonly kind: 'confirm'; readonly check: HealthCheck }
);

/** What is looked into once a merge is prepared, and before anyone sees it. */
export interface Inspection {
  /** Health checks that are run in the prepared tree. */
  readonly checks: readonly HealthCheck[];
  /** Names of unit files that come. */
  readonly units: readonly string[];
}

/** What must be known of an extension to put its image in place. */
export type ImageOf = Pick<InstalledExtension, 'name' | 'kind' | 'sha256' | 'size'>;

/** An empty directory of ours that keeps systemd from an image of the same name in a later search directory. */
export interface Mask {
  readonly name: string;
  /** As a path below the root. */
  readonly at: string;
}

/** What should be. */
export interface Desired {
  /** The whole set of our extensions; undefined where what is in place is to stay. */
  readonly extensions?: readonly InstalledExtension[];
  /** Where images come from, by sha256; all others must be in the store. */
  readonly sources?: ReadonlyMap<string, string>;
  /** Everything in images that come, by sha256, as far as they were read already. */
  readonly listed?: ReadonlyMap<string, readonly ImageEntry[]>;
  /** Names that must become as desired, or nothing is done; of others it is told why they do not. */
  readonly named?: readonly string[];
  /** Whether health checks decide if what was changed stays. */
  readonly confirm?: boolean;
  /** Whether to try again what the host was not well with. */
  readonly retry?: boolean;
  /** Left out where systemd merges what it finds afterwards, at boot. */
  readonly merge?: MergeRequest;
}

export interface MergeRequest {
  readonly verb: MergeVerb;
  readonly options: MergeOptions;
  /** Leaves the merge out where it would change nothing. */
  readonly ifNeeded?: boolean;
}

/** What the host shows. */
export interface Observed {
  readonly host: HostRelease;
  /** What systemd finds without our masks, each image judged alone. */
  readonly images: readonly JudgedImage[];
  /** Entries of the search directory that are images of our store; `path` as systemd has it, below the root. */
  readonly ours: readonly (Omit<ImageOf, 'size'> & { readonly path: string })[];
  /** What is not ours and has the path of our entry, by the name of the extension. */
  readonly occupied: ReadonlyMap<string, string>;
  /** What is not ours and systemd takes before our entry, by the name of the extension. */
  readonly shadowing: ReadonlyMap<string, string>;
  /** The sha256 of every image in the store. */
  readonly stored: ReadonlySet<string>;
  readonly masks: readonly Mask[];
  readonly hierarchies: readonly HierarchyStatus[];
  /** Which images are merged, as far as that is known. */
  readonly merge?: ObservedMerge;
  /** Entries of ours whose content is no longer what was stored, by path, with the reason. */
  readonly altered?: ReadonlyMap<string, string>;
  /** What systemctl(1) says of the unit that merges at boot; undefined where that does not matter. */
  readonly bootUnit: string | undefined;
  /** The health checks that this host has of its own, in their order; those of specs come with the extensions. */
  readonly healthChecks: readonly HealthCheck[];
}

/** What the history says. */
export interface Recorded {
  readonly extensions: readonly InstalledExtension[];
  /** Names. */
  readonly held: readonly string[];
  readonly bad: readonly BadImage[];
}

export interface Policy {
  /** Whether a foreign image that would stop every merge is masked; otherwise it is named, and nothing is merged. */
  readonly maskForeign: boolean;
}

export const defaultPolicy: Policy = { maskForeign: true };

export interface PlanInput {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly recorded: Recorded;
  readonly policy: Policy;
  readonly now: Date;
}

/** What becomes of one extension, and why. */
export interface PlanVerdict {
  readonly name: string;
  readonly merged: boolean;
  readonly reason: string;
}

export interface Plan {
  readonly steps: readonly PlanStep[];
  /** The set that is in force when the steps are done; undefined where it stays the one that is. */
  readonly extensions: readonly InstalledExtension[] | undefined;
  /** What takes back what is done around the merge. */
  readonly settlement: Settlement;
  /** Every extension, ascending by name. */
  readonly verdicts: readonly PlanVerdict[];
  /** Images of ours that turned out bad, to be remembered. */
  readonly quarantined: readonly BadImage[];
  /** What the user should know and that is no reason to do nothing. */
  readonly warnings: readonly string[];
  /** Why named extensions cannot become as desired, by their names. */
  readonly refused: ReadonlyMap<string, AgentError>;
  /** Why nothing may be done; empty where the steps may be taken. */
  readonly refusals: readonly AgentError[];
}

/** The unit that merges extensions at boot. */
export const bootUnit = 'systemd-sysext.service';

/**
 * What leads from what is observed to what is desired: the same values give the same plan, and nothing is read or
 * changed. An extension of ours whose image is bad goes out of systemd's sight, so that it does not stop the others.
 */
export function plan(input: PlanInput): Plan {
  const { desired, observed } = input;
  const targets = targetsOf(input);
  const verdicts = verdictsOf(input, targets);
  const refused = refusedNames(input, targets);
  const steps = [
    ...targets.flatMap((target) => entrySteps(input, target)),
    ...maskSteps(input),
    ...bootSteps(observed),
  ];
  const merge = mergeSteps(input, steps, verdicts);
  return {
    steps: [...steps.sort(inOrder), ...inspected(merge, confirmSteps(input, verdicts))],
    extensions: desired.extensions && targets.flatMap(({ wanted }) => wanted ?? []),
    settlement: nothingToSettle,
    verdicts,
    quarantined: targets.flatMap(({ newlyBad }) => newlyBad ?? []),
    warnings: [...targets.flatMap((target) => warningsOf(target)), ...bootWarnings(observed)],
    refused,
    refusals: [...refused.values(), ...blockerRefusals(input)],
  };
}

const order: readonly PlanStep['kind'][] = ['stage', 'verify', 'withdraw', 'unmask', 'mask', 'place', 'enable'];

function inOrder(a: PlanStep, b: PlanStep): number {
  return order.indexOf(a.kind) - order.indexOf(b.kind);
}

/** What is done for one extension before the merge: what must not be merged or does not fit goes out of systemd's sight. */
function entrySteps(input: PlanInput, target: Target): PlanStep[] {
  const { name, wanted, current, bad } = target;
  const isDesired = input.desired.extensions !== undefined;
  const misfit = isDesired ? misfitOf(input, target) : undefined;
  if (bad !== undefined || misfit !== undefined || (wanted === undefined && isDesired)) {
    const reason = bad?.reason ?? misfit ?? 'it is not in the set that is desired';
    return current.map((entry) => ({ kind: 'withdraw', extension: { ...entry, size: 0 }, reason }));
  }
  if (wanted === undefined || !isDesired || input.observed.occupied.has(name)) return [];
  return placing(input, target, wanted);
}

/** An image that is damaged where it is in place is replaced by the same one from its source. */
function placing({ desired, observed }: PlanInput, target: Target, wanted: InstalledExtension): PlanStep[] {
  const { current, inPlace, newlyBad } = target;
  const from = desired.sources?.get(wanted.sha256);
  const stored = observed.stored.has(wanted.sha256);
  if ((inPlace && newlyBad === undefined) || (from === undefined && !stored)) return [];
  const [previous] = current;
  return [
    from === undefined
      ? { kind: 'verify', extension: wanted, reason: 'it may have been damaged since it was stored' }
      : { kind: 'stage', extension: wanted, from, reason: stored ? 'it may be damaged' : 'it is not in the store yet' },
    {
      kind: 'place',
      extension: wanted,
      previous: previous && { ...previous, size: 0 },
      reason: placingReason(target, wanted),
    },
  ];
}

function placingReason({ current }: Target, wanted: InstalledExtension): string {
  const [previous] = current;
  if (previous === undefined) return 'systemd does not find it yet';
  return previous.sha256 === wanted.sha256 ? 'what is in place is damaged' : 'another image of it is in place';
}

/** Masks for foreign images that would stop every merge, and none for what no longer would. */
function maskSteps({ desired, observed, policy }: PlanInput): PlanStep[] {
  if (desired.merge?.verb === 'unmerge') return [];
  const wanted = policy.maskForeign ? maskings(observed) : [];
  const missing = wanted.filter(({ mask }) => !observed.masks.some(({ at }) => at === mask.at));
  const spare = observed.masks.filter(({ at }) => !wanted.some(({ mask }) => mask.at === at));
  return [
    ...spare.map((mask): PlanStep => ({ kind: 'unmask', mask, reason: 'what it masks would not stop the merge' })),
    ...missing.map(({ mask, image, reason }): PlanStep => ({
      kind: 'mask',
      mask,
      reason: `${image.image.path}: ${reason}`,
    })),
  ];
}

function bootSteps({ bootUnit: state }: Observed): PlanStep[] {
  return state === 'disabled'
    ? [{ kind: 'enable', unit: bootUnit, reason: 'extensions are to be merged at boot' }]
    : [];
}

function bootWarnings({ bootUnit: state }: Observed): string[] {
  if (state === undefined || state === 'enabled' || state === 'disabled') return [];
  return [`extensions will not be merged at boot: ${bootUnit} is ${state}`];
}

function warningsOf({ name, kept, newlyBad, wanted }: Target): string[] {
  return [
    ...(kept ? [`${name} is held: it stays at ${wanted?.version ?? ''}`.trim()] : []),
    ...(newlyBad === undefined ? [] : [`${name} is damaged and was taken out: ${newlyBad.reason}`]),
  ];
}

/** From 260 on systemd does not see by itself that a directory changed. */
function mergeSteps(
  { desired, observed }: PlanInput,
  steps: readonly PlanStep[],
  verdicts: readonly PlanVerdict[],
): PlanStep[] {
  if (desired.merge === undefined) return [];
  const { verb, options, ifNeeded = false } = desired.merge;
  const expected = verdicts.filter(({ merged }) => merged).map(({ name }) => name);
  const asExpected = expected.join('/') === mergedNames(observed.hierarchies).join('/');
  const outdated = remergeReason(observed);
  if (ifNeeded && steps.length === 0 && asExpected && outdated === undefined) return [];
  const directories = steps.some(
    (step) => (step.kind === 'place' || step.kind === 'withdraw') && step.extension.kind === 'directory',
  );
  const reason =
    steps.length > 0
      ? 'what systemd finds has changed'
      : asExpected
        ? (outdated ?? 'it was asked for')
        : 'what is merged is not what is desired';
  return [{ kind: 'merge', verb, options: directories ? { ...options, alwaysRefresh: true } : options, reason }];
}
