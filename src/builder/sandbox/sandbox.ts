/**
 * A directory or file of the host that programs in a sandbox see as well. Those to be read must be readable by everyone;
 * a directory to be written to is given to root of sandboxes.
 */
export interface Bind {
  readonly source: string;
  /** Where they see it: an absolute path. */
  readonly at: string;
  readonly writable: boolean;
}

/** What programs in a sandbox see as `/`: layers over each other, of which only the last one is written to. */
export interface SandboxTree {
  /** Directories, the lowest first: the build root, then what earlier steps made. None of them is changed. */
  readonly lower: readonly string[];
  /**
   * Takes what is changed; undefined: what is changed is thrown away. Removed with `removeLayer`. Made where it is not
   * there; while a program runs it is elsewhere. Who runs as root keeps it below a directory that only root can enter,
   * since what is in it may be setuid to the users of sandboxes.
   */
  readonly upper: string | undefined;
  /** Directories in it that are root directories of their own to programs that enter them: they get /dev and /proc, too. */
  readonly roots?: readonly string[];
  /** Read-only overlays below it, as a merge makes them: over `/usr` of the host the one of an image. */
  readonly overlays?: readonly { readonly at: string; readonly lower: readonly string[] }[];
}

/** What a run may take; the whole tree of its processes is ended where it takes more. */
export interface SandboxLimits {
  /** Wall time, in seconds. */
  readonly time: number;
  /** Memory of all processes together, in bytes. */
  readonly memory: number;
  /** Processes and threads at once. */
  readonly processes: number;
  /** What may be written to disk, in bytes. */
  readonly disk: number;
}

/** One program to run apart from the host. */
export interface SandboxRun {
  readonly tree: SandboxTree;
  /** The program, by a path or name within the tree, and its arguments: no shell of ours. */
  readonly argv: readonly [string, ...string[]];
  /** An absolute path within the tree. */
  readonly directory: string;
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  /** Whether it may reach the network of the host; without, it has no more than a loopback of its own. */
  readonly network: boolean;
  readonly limits: SandboxLimits;
  /** Standard input; none where it is left out. */
  readonly input?: string;
  /** Gets what it prints, as it comes. */
  readonly take: (piece: Uint8Array, stream: 'stdout' | 'stderr') => void;
  readonly signal?: AbortSignal;
}

/** How a run ended. */
export interface SandboxEnd {
  /** As a shell would show it: 128 and the number of the signal that ended it. */
  readonly exitCode: number;
  /** Which limit ended it. */
  readonly exceeded: keyof SandboxLimits | undefined;
}

/**
 * Runs programs that nobody vouches for: they see no file, socket, device, process or variable of the host but what they
 * are given, have no rights on it, and leave no process behind.
 */
export interface Sandbox {
  /**
   * Runs a program to its end, and ends all that it started.
   * @throws AgentError `tool-missing` where this host cannot isolate programs, with what it lacks; `interrupted`;
   *   `disk-full`.
   */
  run(run: SandboxRun): Promise<SandboxEnd>;
  /**
   * Makes a directory that this process wrote a layer that programs can change: all in it then belongs to root of
   * sandboxes, also under other names that it has. One that was adopted before is left as it is.
   */
  adoptLayer(directory: string): Promise<void>;
  /** Removes a layer, whoever in the sandbox made what is in it. */
  removeLayer(directory: string): Promise<void>;
}
