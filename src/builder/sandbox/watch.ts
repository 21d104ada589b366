import type { Clock } from '../../host/clock.ts';
import { freeSpace, roomOn } from '../../host/disk-space.ts';
import { heldWithoutName, sharedMemoryOf, usageOfTree, type TreeUsage } from '../../host/process-tree.ts';
import { spareProcesses } from './confinement.ts';
import type { SandboxLimits } from './sandbox.ts';

/** Why a run was ended that had not ended by itself. */
export type Ended = keyof SandboxLimits | 'disk full';

export interface Watched {
  /** The process that all of the run descends from. */
  readonly pid: number;
  readonly limits: SandboxLimits;
  /** A directory on the file system that it writes to. */
  readonly directory: string;
  /** How much the run has written, in bytes: it takes long to tell. */
  readonly written: () => Promise<number>;
}

/** In milliseconds. */
const interval = 100;

/** What a file takes at least, in bytes: an empty one is not for nothing. */
export const leastFile = 1024;

/** What is left to the host, in bytes. */
const leastFree = 64 * 1024 ** 2;

/**
 * Looks at a run again and again until it takes more than it may, or `over` aborts. What is quickly told is looked at each
 * time; what takes longer only where that makes it likely.
 */
export async function firstExcess(clock: Clock, watched: Watched, over: AbortSignal): Promise<Ended | undefined> {
  const { limits, directory, pid } = watched;
  const end = clock.monotonic() + limits.time * 1000;
  const disk = diskWatch(watched);
  while (await goesOn(clock, over)) {
    if (clock.monotonic() >= end) return 'time';
    const usage = usageOfTree(pid);
    const excess = excessOf(usage, limits) ?? (await disk(usage));
    if (excess !== undefined) return excess;
    if (freeSpace(directory) < leastFree) return 'disk full';
  }
  // What others gave back meanwhile may have hidden what was written.
  return diskExcess(watched, usageOfTree(pid));
}

async function goesOn(clock: Clock, over: AbortSignal): Promise<boolean> {
  if (over.aborted) return false;
  await clock.sleep(interval, over).catch(() => undefined);
  return !over.aborted;
}

/** Others write to that file system, too: what it lost is only a reason to look closer. */
function diskWatch(watched: Watched): (usage: TreeUsage) => Promise<'disk' | undefined> {
  const { limits, directory } = watched;
  const first = roomOn(directory);
  const usedUp = () => {
    const { space, files } = roomOn(directory);
    return first.space - space + Math.max(0, first.files - files) * leastFile;
  };
  let suspicious = limits.disk;
  return async (usage) => {
    const used = usedUp();
    if (used < suspicious) return undefined;
    suspicious = used + limits.disk / 8;
    return diskExcess(watched, usage);
  };
}

async function diskExcess({ limits, written }: Watched, { processes }: TreeUsage): Promise<'disk' | undefined> {
  return (await written()) + heldWithoutName(processes) >= limits.disk ? 'disk' : undefined;
}

function excessOf({ tasks, memory, processes }: TreeUsage, limits: SandboxLimits): Ended | undefined {
  if (tasks - spareProcesses >= limits.processes) return 'processes';
  if (memory > limits.memory && sharedMemoryOf(processes) > limits.memory) return 'memory';
  return undefined;
}
