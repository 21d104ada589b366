import type { Position } from '../../core/problems.ts';
import type { Environment, Step, Text } from './sources.ts';

/** How a spec's own programs are made of its sources. */
export interface Build {
  readonly position: Position;
  readonly steps: readonly Step[];
  readonly env: Environment;
  /** Empty or `none`: without network; `sandbox`: with. */
  readonly networkMode: Text | undefined;
  readonly caches: readonly Cache[];
}

/** What a build keeps for the next one. */
export type Cache =
  | {
      readonly kind: 'dir';
      readonly dest: string;
      /** The same as `dest` where the spec says nothing. */
      readonly key: string;
      readonly sharing: 'shared' | 'locked' | 'private';
      readonly noAutoNamespace: boolean;
    }
  | { readonly kind: 'gobuild'; readonly scope: string; readonly disabled: boolean }
  | { readonly kind: 'rustsccache'; readonly scope: string }
  | { readonly kind: 'bazel'; readonly scope: string };
