import { join } from 'node:path';

import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { fileStatus, readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { HierarchyStatus } from './sysext-output.ts';

/**
 * What is merged below `root`, read from the metadata that every systemd-sysext since 248 leaves in each hierarchy, as
 * `systemd-sysext status` reads it; unlike the tool up to 254 also right below another root. No process is started.
 */
export function readMerged(root: string, extensionClass: ExtensionClass = sysext): HierarchyStatus[] {
  const { hierarchies, metadata, namesFile } = extensionClass;
  return hierarchies.flatMap((hierarchy): HierarchyStatus[] => {
    const path = belowRoot(root, hierarchy);
    const status = fileStatus(path);
    if (status?.isDirectory() !== true) return [];
    // A copy of a merged tree carries the metadata too: only the overlay itself has the device number noted there.
    const noted = readTextIfAny(join(path, metadata, 'dev'))?.trim() === deviceNumber(status.dev);
    if (!noted || !isMountPoint(path, status.dev)) return [{ hierarchy, extensions: [] }];
    const names = readTextIfAny(join(path, metadata, namesFile)) ?? '';
    const extensions = names.split('\n').filter((name) => name !== '');
    return [{ hierarchy, extensions, since: new Date(Math.floor(status.mtimeMs)) }];
  });
}

/** What tells one merge from every other one. */
export interface MergeMark {
  readonly hierarchy: string;
  /** The number of the overlay. */
  readonly device: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Whether the hierarchy can be written to: its time then changes without another merge. */
  readonly mutable: boolean;
}

/** The marks of the hierarchies that are merged below `root`. */
export function mergeMarks(root: string, extensionClass: ExtensionClass = sysext): MergeMark[] {
  return readMerged(root, extensionClass).flatMap(({ hierarchy, since }) => {
    const path = belowRoot(root, hierarchy);
    const device = fileStatus(path)?.dev;
    if (since === undefined || device === undefined) return [];
    const mutable = fileStatus(join(path, extensionClass.metadata, 'work_dir')) !== undefined;
    return [{ hierarchy, device, since: since.getTime(), mutable }];
  });
}

/** The names of all merged extensions, ascending. */
export function mergedNames(statuses: readonly HierarchyStatus[]): string[] {
  return [...new Set(statuses.flatMap((status) => status.extensions))].sort();
}

/** Whether a file system of its own is mounted at a directory. */
function isMountPoint(path: string, device: number): boolean {
  return fileStatus(`${path}/..`)?.dev !== device;
}

/** `major:minor` of a device number as stat(2) gives it, the encoding of glibc's gnu_dev_major(). */
export function deviceNumber(device: number): string {
  const number = BigInt(device);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  return `${major}:${minor}`;
}
