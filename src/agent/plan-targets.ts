import { isBlocker, reasonOf } from '../systemd/verdicts.ts';
import type { Observed, PlanInput } from './plan.ts';
import type { BadImage, InstalledExtension } from './records.ts';

type Entry = Observed['ours'][number];

/** One extension of ours: what it should be, and what it is. */
export interface Target {
  readonly name: string;
  /** The image that should fill it; undefined where it should not be there. */
  readonly wanted: InstalledExtension | undefined;
  /** Entries of ours that it has now: none, one, or after a crash several. */
  readonly current: readonly Entry[];
  /** Whether the wanted image is what is in place. */
  readonly inPlace: boolean;
  /** What is known against the wanted image: systemd must not see it. */
  readonly bad: BadImage | undefined;
  /** The same where that was found only now. */
  readonly newlyBad: BadImage | undefined;
  /** Whether it is held and so keeps what it has, although something else was asked for. */
  readonly kept: boolean;
}

/** Every extension of ours that is desired, recorded or in place, ascending by name. */
export function targetsOf(input: PlanInput): Target[] {
  const { desired, observed, recorded } = input;
  const wish = byName(desired.extensions ?? recorded.extensions);
  const record = byName(recorded.extensions);
  const names = new Set([...wish.keys(), ...record.keys(), ...observed.ours.map(({ name }) => name)]);
  return [...names].sort().map((name) => {
    const [asked, had] = [wish.get(name), record.get(name)];
    const kept = recorded.held.includes(name) && had !== undefined && asked?.sha256 !== had.sha256;
    return targetOf(input, name, kept ? had : asked, kept);
  });
}

function targetOf(input: PlanInput, name: string, wanted: InstalledExtension | undefined, kept: boolean): Target {
  const current = input.observed.ours.filter((entry) => entry.name === name);
  const inPlace = current.some((entry) => entry.sha256 === wanted?.sha256 && entry.kind === wanted.kind);
  const newlyBad = damaged(current, input.observed, input.now);
  const bad = badImage(input, wanted, newlyBad);
  return { name, wanted, current, inPlace, bad, newlyBad, kept };
}

/** What is known against the wanted image. A damaged one is good again once it comes from its source. */
function badImage(
  { desired, recorded }: PlanInput,
  wanted: InstalledExtension | undefined,
  newlyBad: BadImage | undefined,
): BadImage | undefined {
  if (wanted === undefined) return undefined;
  const all = newlyBad === undefined ? recorded.bad : [newlyBad, ...recorded.bad];
  const known = all.find(({ sha256 }) => sha256 === wanted.sha256);
  const forgiven = known?.kind === 'damaged' ? desired.sources?.has(wanted.sha256) === true : desired.retry === true;
  return forgiven ? undefined : known;
}

/** An entry of ours that would stop the merge of all others, or is not what was stored: its content is no longer right. */
function damaged(current: readonly Entry[], { images, altered }: Observed, now: Date): BadImage | undefined {
  for (const { name, sha256, path } of current) {
    const found = images.find(({ image }) => image.path === path);
    const reason = found !== undefined && isBlocker(found) ? reasonOf(found.verdict) : altered?.get(path);
    if (reason !== undefined) return { name, sha256, kind: 'damaged', reason, since: now };
  }
  return undefined;
}

function byName(extensions: readonly InstalledExtension[]): Map<string, InstalledExtension> {
  return new Map(extensions.map((extension) => [extension.name, extension]));
}
