import { mergedNames } from '../../systemd/merged.ts';
import type { Plan, PlanInput } from '../plan.ts';
import type { InstalledExtension } from '../records.ts';

/** An image that is merged before a change and not after it, or the other way round. */
export interface Moving {
  readonly name: string;
  /** The record of it where it is ours; of a foreign one only the name is known. */
  readonly ours: InstalledExtension | undefined;
  /** Whether the other set has no image of this digest, so that it is not only out of the merge. */
  readonly changed: boolean;
}

export interface Difference {
  readonly leaving: readonly Moving[];
  readonly coming: readonly Moving[];
}

/**
 * Which images a plan takes out of the merge and brings into it; of one that is replaced, both. One that goes from the
 * set leaves also where it was not merged: its services may still run.
 */
export function differenceOf({ observed, recorded, desired }: PlanInput, made: Plan): Difference {
  if (!made.steps.some(({ kind }) => kind === 'merge')) return { leaving: [], coming: [] };
  const foreign = new Set([...observed.occupied.keys(), ...observed.shadowing.keys()]);
  const setAfter = made.extensions ?? recorded.extensions;
  const before = imagesOf(mergedNames(observed.hierarchies), recorded.extensions, foreign);
  const after = imagesOf(
    made.verdicts.filter(({ merged }) => merged).map(({ name }) => name),
    setAfter,
    foreign,
  );
  // With --force what is merged cannot be foretold: what comes then is left to systemd.
  const forced = desired.merge?.options.force === true;
  const gone = recorded.extensions.filter(({ sha256 }) => !setAfter.some((extension) => extension.sha256 === sha256));
  const idle = gone.filter((ours) => !before.has(keyOf(ours.name, ours))).map((ours) => ({ name: ours.name, ours }));
  return {
    leaving: [
      ...[...before].flatMap(([key, image]) => (after.has(key) || forced ? [] : [moving(image, setAfter)])),
      ...idle.map((image) => moving(image, setAfter)),
    ],
    coming: [...after].flatMap(([key, image]) => (before.has(key) ? [] : [moving(image, recorded.extensions)])),
  };
}

type Named = Pick<Moving, 'name' | 'ours'>;

/** The images of these names, each by what tells it from another one of its name. */
function imagesOf(
  names: readonly string[],
  extensions: readonly InstalledExtension[],
  foreign: ReadonlySet<string>,
): Map<string, Named> {
  return new Map(
    names.map((name) => {
      const ours = foreign.has(name) ? undefined : extensions.find((extension) => extension.name === name);
      return [keyOf(name, ours), { name, ours }];
    }),
  );
}

function keyOf(name: string, ours: InstalledExtension | undefined): string {
  return `${name} ${ours?.sha256 ?? 'foreign'}`;
}

function moving({ name, ours }: Named, otherSet: readonly InstalledExtension[]): Moving {
  return { name, ours, changed: !otherSet.some(({ sha256 }) => sha256 === ours?.sha256) };
}
