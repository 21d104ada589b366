import type { Architecture } from '../../core/architecture.ts';
import type { DeclaredCheck } from '../../core/health.ts';
import type { Position } from '../../core/problems.ts';
import type { VersionConstraint } from '../packages/packages.ts';
import type { Artifacts, OwnPlacing } from './artifacts.ts';
import type { Build } from './build.ts';
import type { ContainerImage } from './image.ts';
import type { Mount, Patch, Source, Text } from './sources.ts';
import type { SpecTest } from './tests.ts';

/** A package that a spec wants fetched. */
export interface PackageDependency {
  readonly name: string;
  readonly constraints: readonly VersionConstraint[];
  /** The architectures it is wanted for; all when empty. */
  readonly architectures: readonly Architecture[];
  /** Where the spec names it. */
  readonly position: Position;
}

/** A package that a spec only talks about; its versions may hold build arguments until they are expanded. */
export interface NamedPackage extends Omit<PackageDependency, 'constraints'> {
  readonly versions: readonly Text[];
}

/** Sorted by name; undefined where the spec says nothing, which is not the same as a list without packages. */
export type PackageList = readonly PackageDependency[] | undefined;

/** The same of packages that are only talked about. */
export type NamedPackages = readonly NamedPackage[] | undefined;

/** What a package relates to, apart from what it needs. */
export interface PackageRelations {
  readonly provides: NamedPackages;
  readonly replaces: NamedPackages;
  readonly conflicts: NamedPackages;
}

export interface Dependencies {
  readonly build: NamedPackages;
  readonly runtime: NamedPackages;
  readonly recommends: NamedPackages;
  /** The packages that a system extension consists of. */
  readonly sysext: PackageList;
  readonly test: NamedPackages;
  readonly extraRepos: readonly ExtraRepo[];
}

/** What an additional repository is wanted for. */
export const repositoryUses = ['build', 'install', 'test'] as const;

export type RepositoryUse = (typeof repositoryUses)[number];

/** A repository beside those of the target. */
export interface ExtraRepo {
  readonly position: Position;
  /** Files with OpenPGP keys, by their names. */
  readonly keys: ReadonlyMap<string, Source>;
  /** Configuration of the package manager, by the name of the file. */
  readonly config: ReadonlyMap<string, Source>;
  /** Files that the repository consists of, where it is local. */
  readonly data: readonly Mount[];
  /** All where the spec says nothing. */
  readonly envs: readonly RepositoryUse[];
}

/** Another program that takes over some part of the work. */
export interface Frontend {
  readonly position: Position;
  readonly image: string;
  readonly cmdline: string;
}

export interface PackageConfig {
  readonly signer: (Frontend & { readonly args: ReadonlyMap<string, Text> }) | undefined;
}

export interface ChangelogEntry {
  /** `YYYY-MM-DD`, a day of the calendar; empty where the spec says nothing. */
  readonly date: string;
  readonly author: string;
  readonly changes: readonly string[];
}

/** What a spec says for one target only. */
export interface SpecTarget extends PackageRelations {
  readonly position: Position;
  readonly dependencies: Dependencies | undefined;
  readonly artifacts: Artifacts | undefined;
  readonly image: ContainerImage | undefined;
  readonly frontend: Frontend | undefined;
  readonly packageConfig: PackageConfig | undefined;
  readonly tests: readonly SpecTest[];
}

/** A Dalec spec. Text that the spec does not give is empty. */
export interface Spec extends PackageRelations {
  /** Where the document begins: the place of what is missing. */
  readonly position: Position;
  readonly name: string;
  readonly version: Text;
  readonly revision: Text;
  readonly description: string;
  readonly website: string;
  readonly license: string;
  readonly vendor: string;
  readonly packager: string;
  readonly noarch: boolean;
  /** The build arguments that may be given, with their defaults. */
  readonly args: ReadonlyMap<string, Text>;
  readonly sources: ReadonlyMap<string, Source>;
  /** By the name of the source that is patched. */
  readonly patches: ReadonlyMap<string, readonly Patch[]>;
  readonly build: Build | undefined;
  readonly artifacts: Artifacts | undefined;
  readonly dependencies: Dependencies | undefined;
  readonly targets: ReadonlyMap<string, SpecTarget>;
  readonly packageConfig: PackageConfig | undefined;
  readonly image: ContainerImage | undefined;
  readonly changelog: readonly ChangelogEntry[];
  readonly tests: readonly SpecTest[];
  /** The ids of contents rules that the writer of the spec allows to be broken (`x-sysext.allow`). */
  readonly allow: readonly Text[];
  /** What must be so for an extension of the spec to be well (`x-sysext.health`). */
  readonly health: readonly DeclaredCheck[];
  /** Where our own part of the spec puts files, and how it makes users (`x-sysext.files`, `x-sysext.accounts`). */
  readonly placing: OwnPlacing;
}
