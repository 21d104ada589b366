import { totalmem } from 'node:os';
import { dirname } from 'node:path';

import type { SandboxLimits } from '../builder/sandbox/sandbox.ts';
import type { BuildLimits } from '../core/build-limits.ts';
import { freeSpace } from '../host/disk-space.ts';
import { fileStatus } from '../host/files.ts';

const gibibyte = 1024 ** 3;

/**
 * What a step of a build may take: as the settings say, else an hour, three quarters of the memory of this host, 4096
 * processes, and 20 GiB of disk, or what is free where that is less.
 */
export function buildLimits(settings: BuildLimits, cacheDirectory: string): SandboxLimits {
  return {
    time: 3600,
    memory: Math.floor(totalmem() * 0.75),
    processes: 4096,
    disk: Math.min(20 * gibibyte, freeSpace(nearest(cacheDirectory))),
    ...settings,
  };
}

/** The path, or the nearest directory above it that is there. */
function nearest(path: string): string {
  return fileStatus(path) === undefined && path !== '/' ? nearest(dirname(path)) : path;
}
