import type { Architecture } from '../../core/architecture.ts';
import type { Position } from '../../core/problems.ts';
import type { VersionConstraint } from '../packages/packages.ts';

/** A package that a spec names, in any of its lists. */
export interface PackageDependency {
  readonly name: string;
  readonly constraints: readonly VersionConstraint[];
  /** The architectures it is wanted for; all when empty. */
  readonly architectures: readonly Architecture[];
  /** Where the spec names it. */
  readonly position: Position;
}

/** Sorted by name; undefined where the spec says nothing, which is not the same as a list without packages. */
export type PackageList = readonly PackageDependency[] | undefined;

/** What a package relates to, apart from what it needs. */
export interface PackageRelations {
  readonly provides: PackageList;
  readonly replaces: PackageList;
  readonly conflicts: PackageList;
}

export interface Dependencies {
  readonly build: PackageList;
  readonly runtime: PackageList;
  readonly recommends: PackageList;
  /** The packages that a system extension consists of. */
  readonly sysext: PackageList;
  readonly test: PackageList;
}

/** What a spec says for one target only. */
export interface SpecTarget extends PackageRelations {
  readonly dependencies: Dependencies | undefined;
}

/** A Dalec spec, as far as this version builds it. Text that the spec does not give is empty. */
export interface Spec extends PackageRelations {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  readonly description: string;
  readonly website: string;
  readonly license: string;
  readonly vendor: string;
  readonly packager: string;
  readonly noarch: boolean;
  readonly dependencies: Dependencies | undefined;
  readonly targets: ReadonlyMap<string, SpecTarget>;
}
