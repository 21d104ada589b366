import { compatibility } from '../core/compatibility.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import { foreignBlockers, maskings } from './masks.ts';
import type { PlanInput, PlanVerdict } from './plan.ts';
import type { Target } from './plan-targets.ts';

/** What becomes of every extension, ours and foreign, when the steps are done. */
export function verdictsOf(input: PlanInput, targets: readonly Target[]): PlanVerdict[] {
  const { desired, observed } = input;
  const own = targets.flatMap((target) => ownVerdict(input, target));
  const foreign = observed.images
    .filter(({ image }) => !own.some(({ name }) => name === image.name) && !isOurs(input, image.path))
    .map((found) => foreignVerdict(input, found));
  const all = [...own, ...foreign].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (desired.merge?.verb === 'unmerge') return all.map(({ name }) => leftOut(name, 'nothing is to be merged'));
  const stopping = unmaskedBlockers(input)[0];
  return stopping === undefined
    ? all
    : all.map((verdict) =>
        verdict.merged ? leftOut(verdict.name, `${stopping.image.path} stops every merge`) : verdict,
      );
}

/** Foreign images that would stop every merge and that no mask can keep from systemd. */
export function unmaskedBlockers({ observed, policy }: PlanInput): JudgedImage[] {
  const masked = policy.maskForeign ? maskings(observed).map(({ image }) => image) : [];
  return foreignBlockers(observed).filter((found) => !masked.includes(found));
}

function isOurs({ observed }: PlanInput, path: string): boolean {
  return observed.ours.some((entry) => entry.path === path);
}

function ownVerdict(input: PlanInput, target: Target): PlanVerdict[] {
  const { observed, desired } = input;
  const { name, wanted, bad, inPlace } = target;
  if (wanted === undefined) return [];
  if (bad !== undefined) return [leftOut(name, `its image is ${bad.kind}: ${bad.reason}`)];
  const inTheWay = observed.occupied.get(name) ?? observed.shadowing.get(name);
  if (inTheWay !== undefined) return [];
  const available = desired.sources?.has(wanted.sha256) === true || observed.stored.has(wanted.sha256);
  if (!inPlace && (!available || desired.extensions === undefined)) {
    return [leftOut(name, available ? 'its image is gone from the search directories' : 'its image is gone')];
  }
  const fit = fitOf(input, target);
  return fit.fits ? [{ name, merged: true, reason: fitReasons[fit.why] }] : [leftOut(name, fit.why.reason)];
}

const fitReasons = {
  any: 'it fits every system',
  rolling: 'it fits: this system has no version',
  match: 'it is for this system',
} as const;

/** Whether systemd would merge the wanted image on this host, by what the record says of it. */
export function fitOf(
  { observed }: Pick<PlanInput, 'observed'>,
  { wanted }: Pick<Target, 'wanted'>,
): ReturnType<typeof compatibility> {
  const release = wanted === undefined || wanted.release === '' ? undefined : parseReleaseFields(wanted.release);
  return compatibility(release, observed.host);
}

/** Why systemd would not merge the wanted image on this host; undefined where it would, or where none is wanted. */
export function misfitOf(input: Pick<PlanInput, 'observed'>, target: Pick<Target, 'wanted'>): string | undefined {
  if (target.wanted === undefined) return undefined;
  const fit = fitOf(input, target);
  return fit.fits ? undefined : fit.why.reason;
}

function foreignVerdict(input: PlanInput, found: JudgedImage): PlanVerdict {
  const { name, path } = found.image;
  const reason = reasonOf(found.verdict);
  if (found.verdict.outcome === 'merges') return { name, merged: true, reason: `${path} is not ours, and fits` };
  if (found.verdict.outcome === 'unknown')
    return { name, merged: true, reason: `${path} is not ours: ${reason ?? ''}` };
  const masked = input.policy.maskForeign && maskings(input.observed).some(({ image }) => image === found);
  return leftOut(name, masked ? `it is masked, since it would stop every merge: ${reason ?? ''}` : (reason ?? ''));
}

function leftOut(name: string, reason: string): PlanVerdict {
  return { name, merged: false, reason };
}
