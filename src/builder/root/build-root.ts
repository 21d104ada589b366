import type { PackageRequest } from '../packages/packages.ts';

/** The file system of a target in which its programs are built: packages with all that they depend on, set up. */
export interface BuildRoot {
  /** Not to be changed: steps see it as the lowest layer. */
  readonly directory: string;
  /** Says all that is in it: packages with their versions and digests, and how they were put there. */
  readonly digest: string;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly architecture: string }[];
}

/** What a root is to have besides what every one has. */
export interface BuildRootRequest {
  /** From the repositories of the target: names and constraints as in the spec. */
  readonly packages: readonly PackageRequest[];
  /** Package files of this host that are to be installed as well: the spec's own, for its tests. */
  readonly files: readonly string[];
  /**
   * `build`: a compiler and what packages of the target are built with; `base`: what the smallest system of the target
   * has, for tests.
   */
  readonly kind: 'build' | 'base';
  readonly signal?: AbortSignal;
}

/** Makes roots of one target; one that was made of the same packages is not made again. */
export interface BuildRoots {
  /**
   * @throws AgentError `tool-missing`, `unknown-package`, `unsatisfiable`, `verification-failed`, `network`, `tool-failed`,
   *   `usage` where programs of the target's architecture do not run here.
   */
  prepare(request: BuildRootRequest): Promise<BuildRoot>;
}
