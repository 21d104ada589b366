import type { Position } from '../../core/problems.ts';
import type { ArchiveEntry } from '../tree/entry.ts';

/** Relations of a version constraint, in Debian's spelling (deb-version(7), Debian policy 7.1). */
export type Relation = '<<' | '<=' | '=' | '>=' | '>>';

export interface VersionConstraint {
  readonly relation: Relation;
  readonly version: string;
}

/** One package that a spec lists: all constraints must hold at once. */
export interface PackageRequest {
  readonly name: string;
  readonly constraints: readonly VersionConstraint[];
  /** Where the spec lists it, for messages. */
  readonly position?: Position;
}

/** The package that a repository offers for a request. */
export interface SelectedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The sha256 that the verified index promises, in hexadecimal. */
  readonly sha256: string;
  /** Size of the package file in bytes. */
  readonly size: number;
  /** Where the package file is fetched from. */
  readonly url: string;
  /** The source package, where its name is another, with its version where that is: `git (1:2.47-1)`. */
  readonly source?: string;
}

/** A package file on this host whose sha256 was found to be the one the index promised. */
export interface LocalPackage extends SelectedPackage {
  readonly path: string;
}

/** A shared library that a file of a package needs and that nobody brings. */
export interface LibraryNeed {
  /** `libonig.so.5` */
  readonly library: string;
  readonly bits: 32 | 64;
  /** The package whose file needs it. */
  readonly package: LocalPackage;
}

/** The repositories of one target. A family of package formats (deb, rpm) is one implementation of this interface. */
export interface PackageSource {
  /**
   * Chooses exactly one package per request, dependencies not followed; the answer is sorted by name.
   * @throws AgentError `unknown-package`, `unsatisfiable`, `ambiguous-package`, `verification-failed`, `network`
   */
  select(requests: readonly PackageRequest[], signal?: AbortSignal): Promise<readonly SelectedPackage[]>;
  /** Brings the package files to this host, from the cache where it has them; every file's sha256 is checked. */
  fetch(packages: readonly SelectedPackage[], signal?: AbortSignal): Promise<readonly LocalPackage[]>;
  /** What is inside a package, as the archive says it and in its order: names are not to be trusted. */
  entries(pkg: LocalPackage, signal?: AbortSignal): Promise<readonly ArchiveEntry[]>;
  /**
   * The names of the packages that bring each library, the likeliest first; a library that no package is known to bring
   * is left out.
   */
  providersOf?(needs: readonly LibraryNeed[], signal?: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>;
  /** What changes with any of its indexes. */
  fingerprint?(signal?: AbortSignal): Promise<string>;
  /**
   * Those packages of these names that there are, with what they depend on: of alternatives the first one that is there.
   * Versions and conflicts do not count, so it is no more than what a package manager needs to begin with.
   */
  withDependencies?(names: readonly string[], signal?: AbortSignal): Promise<readonly SelectedPackage[]>;
}
