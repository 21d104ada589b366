import type { HierarchyStatus } from '../sysext-output.ts';
import type { MergeOptions, MergeVerb } from '../sysext-tool.ts';

/**
 * A way to change what is merged. A driver that can makes the new tree where nobody looks yet; one that cannot makes
 * nothing ready, and its commit is all of it. What is merged afterwards is always read back: see merging.ts.
 */
export interface MergeDriver {
  readonly name: string;
  /** Makes a change ready, as far as that goes without anyone seeing it. */
  prepare(verb: MergeVerb, options: MergeOptions): Promise<PreparedMerge>;
  /** What is merged now. */
  observe(): HierarchyStatus[];
}

/** A change that was made ready: it ends with one of the two. */
export interface PreparedMerge {
  /** Makes it what everyone sees. */
  commit(): Promise<CommittedMerge>;
  /** Leaves what is merged as it is, and takes away what was made ready. */
  abort(): Promise<void>;
}

export interface CommittedMerge {
  /** What systemd-sysext ended with: 0 proves nothing before 256. */
  readonly exitCode: number;
  /** The lines that it printed. */
  readonly said: readonly string[];
}
