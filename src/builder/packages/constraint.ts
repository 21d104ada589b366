import type { Relation, VersionConstraint } from './packages.ts';

const holds: Readonly<Record<Relation, (order: number) => boolean>> = {
  '<<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '>=': (order) => order >= 0,
  '>>': (order) => order > 0,
};

/** The order of versions of a family: negative where `a` is older, positive where it is newer. */
export type CompareVersions = (a: string, b: string) => number;

/** Whether a version is one that the constraint allows, in this order of versions. */
export function isWithin(compare: CompareVersions, version: string, { relation, version: bound }: VersionConstraint) {
  return holds[relation](compare(version, bound));
}

/** Whether a version is one that all constraints allow. */
export function meetsAll(
  compare: CompareVersions,
  version: string,
  constraints: readonly VersionConstraint[],
): boolean {
  return constraints.every((constraint) => isWithin(compare, version, constraint));
}
