import type { LimitedResult, RunLimits } from '../../host/limited-run.ts';
import type { HierarchyStatus } from '../sysext-output.ts';
import type { MergeOptions, MergeVerb } from '../sysext-tool.ts';
import type { DriverChoice } from './choice.ts';
import type { OfferedImage } from './images.ts';

/**
 * How a change of what is merged is made. What can be makes the new tree where nobody looks yet; what cannot makes
 * nothing ready, and its commit is all of it. What is merged afterwards is always read back: see agent/merging.ts.
 */
export interface MergeDriver {
  /** Which way is taken on this host, and why. */
  choice(): Promise<DriverChoice>;
  /**
   * Makes a change ready, as far as that goes without anyone seeing it.
   * @param images what may be mounted once, where the way that is taken can do that.
   * @throws AgentError `merge-failed` where only one way is allowed and this host has not got it; nothing is left then.
   */
  prepare(verb: MergeVerb, options: MergeOptions, images?: readonly OfferedImage[]): Promise<PreparedMerge>;
  /**
   * Ends or takes away what a killed run left, of whatever class. Nobody else may be at work.
   * @param inUse the keys of the images that what is merged is made of, as far as they are mounted.
   */
  settle(inUse: () => readonly string[]): Promise<void>;
  /** What is merged now. */
  observe(): HierarchyStatus[];
}

/** One way to change what is merged. */
export type MergeWay = (
  verb: MergeVerb,
  options: MergeOptions,
  images: readonly OfferedImage[],
) => Promise<Omit<PreparedMerge, 'choice'>>;

/** A change that was made ready: it ends with one of the two. */
export interface PreparedMerge {
  readonly choice: DriverChoice;
  /** What will be seen, where that can be looked at already. */
  readonly preview?: Preview;
  /** Makes it what everyone sees. */
  commit(): Promise<ToolEnd>;
  /** Leaves what is merged as it is, and takes away what was made ready. */
  abort(): Promise<void>;
}

/** A tree that nobody sees yet. */
export interface Preview {
  /** A directory with what will be at `/usr` and `/opt`, or at `/etc`, as far as something is merged there. */
  readonly root: string;
  readonly end: ToolEnd;
  /**
   * Runs a program as root where that is what is merged, in a mount namespace of its own, and returns in time whatever it
   * does. Its name is looked up there; the exit code is 125 where it cannot be run.
   * @throws AgentError `interrupted`, `tool-failed`.
   */
  run(argv: readonly string[], limits: RunLimits): Promise<LimitedResult>;
}

/** How systemd-sysext ended. */
export interface ToolEnd {
  /** 0 proves nothing before 256. */
  readonly exitCode: number;
  /** The lines that it printed. */
  readonly said: readonly string[];
}

/** Runs a program as root in the namespaces of the host, to its end. */
export type HostProgram = (program: {
  /** What it does, in a word: `refresh`. */
  readonly name: string;
  /** An absolute path, and arguments. */
  readonly argv: readonly [string, ...string[]];
  /** In seconds. */
  readonly timeLimit?: number;
}) => Promise<ToolEnd>;
