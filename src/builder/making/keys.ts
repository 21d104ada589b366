import { sha256 } from '../../host/digest.ts';
import type { MakingStep } from './making-step.ts';

/** Counts up with every change of this program that changes what a step makes. */
const makingVersion = 1;

/** A step with all of its environment. */
export interface SettledStep extends MakingStep {
  /** What of its environment it has in common with all others is in there too. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Gives every step what all have, and what those before it say for those after it. */
export function settled(
  steps: readonly MakingStep[],
  common: Readonly<Record<string, string>>,
): readonly SettledStep[] {
  const found: SettledStep[] = [];
  let said = common;
  for (const step of steps) {
    found.push({ ...step, environment: { ...said, ...step.environment } });
    said = { ...said, ...step.exports };
  }
  return found;
}

/** What the tree is before the first step: the build root, with the sources over it. */
export function firstKey(root: string, sources: string): string {
  return shortened(sha256(JSON.stringify([makingVersion, root, sources])));
}

/** What the tree is after each step: a key that says all that it was made of. */
export function keysAfter(first: string, steps: readonly SettledStep[]): readonly string[] {
  let before = first;
  return steps.map((step) => (before = shortened(sha256(JSON.stringify([before, described(step)])))));
}

/** All that a step does; neither how people call it, nor where on this host its files are. */
function described({ argv, directory, environment, network, binds, caches }: SettledStep): unknown {
  return [
    argv,
    directory,
    Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)),
    network,
    binds.map(({ at, writable, digest }) => [at, writable, digest]),
    caches.map(({ at, key, sharing }) => [at, key, sharing]),
  ];
}

/** Long enough that no two are the same; the paths of many have to fit into the options of one mount. */
function shortened(digest: string): string {
  return digest.slice(0, 32);
}
