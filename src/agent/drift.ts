import { isBlocker, reasonOf } from '../systemd/verdicts.ts';
import { commandAgainst } from './masks.ts';
import type { MergedImage } from './merged-images.ts';
import type { Observed, PlanVerdict, Recorded } from './plan.ts';
import { misfitOf } from './plan-verdicts.ts';
import type { InstalledExtension } from './records.ts';

export type DriftKind =
  /** An extension that this agent did not install. */
  | 'foreign'
  /** Somebody else merged since the last merge of this agent. */
  | 'merged-by-others'
  /** What is merged is not the image that is in place. */
  | 'other-image-merged'
  /** What is merged would not be merged again. */
  | 'misfit-merged'
  /** The image of what is merged is gone. */
  | 'image-gone'
  /** A recorded extension is not merged. */
  | 'not-merged'
  /** The image of a recorded extension is not in place. */
  | 'entry-missing'
  /** Another image of ours is in place. */
  | 'other-entry'
  /** An image of ours is in place that is not recorded. */
  | 'stray-entry'
  /** Something that is not ours has its place. */
  | 'name-taken'
  /** The image in place was damaged. */
  | 'damaged'
  /** The image must not be merged: the host was not well with it, or it was damaged. */
  | 'denied'
  /** The image is in place, and no longer in the store. */
  | 'lost';

/** One difference between the host and what is recorded. */
export interface Drift {
  readonly kind: DriftKind;
  /** What it is about: the name of an extension, or a hierarchy. */
  readonly subject: string;
  /** What differs, without a full stop. */
  readonly sentence: string;
  /** The command that mends it. */
  readonly remedy: string;
  /** Whether it is only told: what should be merged is merged. */
  readonly harmless: boolean;
}

export interface DriftInput {
  readonly observed: Observed;
  readonly recorded: Recorded;
  /** What the plan that leads to what is recorded says of each extension. */
  readonly verdicts: readonly PlanVerdict[];
}

/** How the host differs from what is recorded: the same values give the same answer, and nothing is read or changed. */
export function driftOf(input: DriftInput): Drift[] {
  const { observed, recorded } = input;
  const own = recorded.extensions.flatMap((extension) => ownDrift(input, extension) ?? []);
  const strays = strayDrift(input);
  const told = new Set([...own, ...strays].map(({ subject }) => subject));
  return [
    ...own,
    ...strays,
    ...mergedExtensions(observed).flatMap((image) => (told.has(image.name) ? [] : (mergedDrift(input, image) ?? []))),
    ...foreignDrift(input),
    ...othersDrift(observed),
  ];
}

/** Why what is merged has to be merged again, although the names are right; undefined where it need not, as far as known. */
export function remergeReason({ merge }: Pick<Observed, 'merge'>): string | undefined {
  const outdated = merge?.images.find(({ current }) => current === false);
  if (outdated !== undefined) return `the image of ${outdated.name} that is merged is not the one in place`;
  const isKnown = merge?.images.every(({ current }) => current === true) ?? true;
  return isKnown || merge?.byOthers.length === 0
    ? undefined
    : 'somebody else has merged since, and which images is not known';
}

const repair = 'sysext-agent apply';

function drift(kind: DriftKind, subject: string, sentence: string, remedy: string, harmless = false): Drift {
  return { kind, subject, sentence, remedy, harmless };
}

/** The first thing that is wrong with an extension of the record, for what the others may follow from. */
function ownDrift(input: DriftInput, extension: InstalledExtension): Drift | undefined {
  return (
    takenDrift(input, extension) ??
    badDrift(input, extension) ??
    entryDrift(input, extension) ??
    unmergedDrift(input, extension)
  );
}

function takenDrift({ observed }: DriftInput, { name }: InstalledExtension): Drift | undefined {
  const path = observed.occupied.get(name) ?? observed.shadowing.get(name);
  if (path === undefined) return undefined;
  const sentence = `${path} is in the place of ${name}, and this agent did not put it there`;
  return drift('name-taken', name, sentence, `mv ${path} /var/tmp/ && ${repair}`);
}

function badDrift({ observed, recorded }: DriftInput, extension: InstalledExtension): Drift | undefined {
  const { name, sha256, source } = extension;
  const current = entriesOf(observed, name);
  const why = current.map(({ path }) => damageOf(observed, path)).find((reason) => reason !== undefined);
  if (why !== undefined) {
    const sentence = `the image of ${name} in place is damaged: ${why}; it came from ${source}`;
    return drift('damaged', name, sentence, `${repair} && ${installing(extension)}`);
  }
  const bad = recorded.bad.find((image) => image.sha256 === sha256);
  if (bad === undefined) return undefined;
  const isMerged = observed.hierarchies.some(({ extensions }) => extensions.includes(name));
  return current.length > 0 || isMerged
    ? drift('denied', name, `${name} must not be merged, since its image is ${bad.kind}: ${bad.reason}`, repair)
    : drift('denied', name, `${name} was taken out: ${bad.reason}; it came from ${source}`, installing(extension));
}

/** What would stop a merge, or is no longer what was stored. */
function damageOf({ images, altered }: Observed, path: string): string | undefined {
  const found = images.find(({ image }) => image.path === path);
  return found !== undefined && isBlocker(found) ? reasonOf(found.verdict) : altered?.get(path);
}

/** What does not fit is not to be in place. */
function entryDrift({ observed, recorded }: DriftInput, extension: InstalledExtension): Drift | undefined {
  const { name, sha256, source } = extension;
  if (observed.stored.has(sha256) && misfitOf({ observed }, { wanted: extension }) !== undefined) return undefined;
  const current = entriesOf(observed, name);
  if (current.some((entry) => entry.sha256 === sha256)) return undefined;
  const held = recorded.held.includes(name) ? ', which is held,' : '';
  if (!observed.stored.has(sha256)) {
    const sentence = `the image of ${name}${held} is gone, from the store as well; it came from ${source}`;
    return drift('lost', name, sentence, installing(extension));
  }
  return current.length > 0
    ? drift('other-entry', name, `another image of ${name}${held} is in place than the recorded one`, repair)
    : drift('entry-missing', name, `the image of ${name}${held} was taken out of /var/lib/extensions`, repair);
}

function unmergedDrift({ observed, verdicts }: DriftInput, extension: InstalledExtension): Drift | undefined {
  const { name } = extension;
  if (observed.hierarchies.some(({ extensions }) => extensions.includes(name))) return undefined;
  const verdict = verdicts.find((candidate) => candidate.name === name);
  return verdict === undefined || verdict.merged
    ? drift('not-merged', name, `${name} is installed and not merged`, repair)
    : drift('not-merged', name, `${name} is installed and not merged: ${verdict.reason}`, installing(extension));
}

function strayDrift({ observed, recorded }: DriftInput): Drift[] {
  const strays = observed.ours.filter(({ name }) => !recorded.extensions.some((extension) => extension.name === name));
  return strays.map(({ name, path }) =>
    drift('stray-entry', name, `${path} is an image of this agent, and ${name} is not installed`, repair),
  );
}

function mergedExtensions({ hierarchies, merge }: Observed): readonly MergedImage[] {
  const names = [...new Set(hierarchies.flatMap(({ extensions }) => extensions))].sort();
  return merge?.images ?? names.map((name) => ({ name, known: 'unknown' }));
}

/** What is wrong with something that is merged, whoever put it there. */
function mergedDrift({ observed, recorded, verdicts }: DriftInput, image: MergedImage): Drift | undefined {
  const { name, current } = image;
  const own = recorded.extensions.find((extension) => extension.name === name);
  const mend = own === undefined ? 'sysext-agent refresh' : installing(own);
  const verdict = verdicts.find((candidate) => candidate.name === name);
  if (verdict === undefined) {
    return drift('image-gone', name, `${name} is merged, and its image is gone`, 'sysext-agent refresh');
  }
  if (!verdict.merged) {
    return drift('misfit-merged', name, `${name} is merged and would not be merged again: ${verdict.reason}`, mend);
  }
  if (current !== false) return undefined;
  const path = observed.images.find((found) => found.image.name === name)?.image.path ?? '';
  return drift('other-image-merged', name, `the image of ${name} that is merged is not the one at ${path}`, repair);
}

function foreignDrift({ observed, recorded }: DriftInput): Drift[] {
  const foreign = observed.images.filter(
    ({ image }) =>
      !observed.ours.some(({ path }) => path === image.path) &&
      !recorded.extensions.some(({ name }) => name === image.name),
  );
  return foreign.map(({ image }) => {
    const { name, kind, path } = image;
    const install = `sysext-agent install /var/tmp/${path.slice(path.lastIndexOf('/') + 1)}`;
    const remedy = kind === 'obstructed' ? commandAgainst(image) : `${commandAgainst(image)} && ${install}`;
    return drift('foreign', name, `${name} was not installed by this agent: ${path}`, remedy, true);
  });
}

function othersDrift({ merge }: Observed): Drift[] {
  const harmless = merge?.images.every(({ current }) => current === true) ?? true;
  return (merge?.byOthers ?? []).map((hierarchy) => {
    const sentence = `somebody else has merged ${hierarchy} since the last operation of this agent`;
    return drift('merged-by-others', hierarchy, sentence, harmless ? 'sysext-agent refresh' : repair, harmless);
  });
}

function entriesOf({ ours }: Observed, name: string): Observed['ours'] {
  return ours.filter((entry) => entry.name === name);
}

/** The source of an image is a path, or a spec with its target. */
function installing({ name, source }: InstalledExtension): string {
  const [path = ''] = source.split(' for ');
  return /\.(raw|ya?ml)$|^\//.test(path) ? `sysext-agent install ${path}` : `sysext-agent remove ${name}`;
}
