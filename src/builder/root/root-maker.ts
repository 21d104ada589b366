import type { BuildRootRequest } from './build-root.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** How the package manager of one family makes a root. */
export interface RootMaker {
  /** What would be in it, where that can be told before it is made. */
  resolve?(request: BuildRootRequest): Promise<readonly InstalledPackage[]>;
  /** Makes it in a directory that is not there yet, and returns what is in it. */
  make(directory: string, request: BuildRootRequest): Promise<readonly InstalledPackage[]>;
}
