import type { Position } from '../../core/problems.ts';
import type { Bind } from '../sandbox/sandbox.ts';

/** A directory that a step finds as an earlier build left it. */
export interface StepCache {
  /** An absolute path within the sandbox. */
  readonly at: string;
  /** Steps with the same key see the same directory. */
  readonly key: string;
  /** `locked`: one build at a time; `private`: where another one has it, the step gets an empty one. */
  readonly sharing: 'shared' | 'locked' | 'private';
}

/**
 * One thing that is done to the tree of a build: a patch, a generator, a build step. What it changes is a layer of its own,
 * which is kept by all that it was made of; so its fields must say all that it does.
 */
export interface MakingStep {
  /** What people call it: `build step 2`, `patch fix.patch of src`. */
  readonly title: string;
  readonly position: Position | undefined;
  readonly argv: readonly [string, ...string[]];
  readonly directory: string;
  /** Added to what every step has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly network: boolean;
  /** Files of the host it reads. */
  readonly binds: readonly (Bind & {
    /** Says all of its content. */
    readonly digest: string;
  })[];
  readonly caches: readonly StepCache[];
  /** Environment for all steps after it: a generator tells the build where its modules are. */
  readonly exports: Readonly<Record<string, string>>;
}

/** Where every source lies under its name, and where each step begins. */
export const buildDirectory = '/build';

/** The sources of a spec, brought here: a layer with `/build/NAME` for each, and what is still to be done to them. */
export interface PreparedSources {
  /** A directory to be put over the build root as a layer; it is not changed. */
  readonly layer: string;
  /** Says all that is in the layer. */
  readonly digest: string;
  /** Patches by sources in sorted order, then generators. */
  readonly steps: readonly MakingStep[];
  /** For the provenance: where each source comes from, and what it was. */
  readonly materials: readonly Material[];
  /** What people should know: a source without a digest. */
  readonly warnings: readonly string[];
}

/** Something from elsewhere that went into an image (SLSA provenance v1, ResourceDescriptor). */
export interface Material {
  /** The name of the source in the spec, or of the package. */
  readonly name: string;
  readonly uri: string;
  /** By algorithm: `{ sha256: … }`, `{ gitCommit: … }`. */
  readonly digest: Readonly<Record<string, string>>;
}
