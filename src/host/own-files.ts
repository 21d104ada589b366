import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

import { listNames } from './files.ts';
import { processMark } from './processes.ts';

// Files that one process alone works on, in a directory that others use as well: `STEM.PID-RANDOM.KIND`. Who wants the same
// has a file of its own, so none changes or goes under another; what a killed process left is known by its number.

/** A path that no other process uses. */
export function ownPath(directory: string, stem: string, kind: string): string {
  return join(directory, `${stem}.${process.pid}-${randomBytes(4).toString('hex')}.${kind}`);
}

export interface LeftFiles {
  readonly kinds: readonly string[];
  /** Of any stem where nothing is said. */
  readonly stem?: string;
  /** Whether what this process made counts too: it has nothing else to do with it. */
  readonly evenOwn?: boolean;
}

/** The paths of files whose processes have ended, and of those that belong to none: `STEM.KIND`. */
export function leftFiles(directory: string, { kinds, stem: wanted, evenOwn = false }: LeftFiles): string[] {
  return listNames(directory)
    .filter((name) => {
      const [, stem, pid, kind = ''] = /^([^.]*)(?:\.(\d+)-[0-9a-f]+)?\.([a-z]+)$/.exec(name) ?? [];
      if (stem === undefined || !kinds.includes(kind) || (wanted !== undefined && stem !== wanted)) return false;
      return pid === undefined || (evenOwn && Number(pid) === process.pid) || processMark(Number(pid)) === undefined;
    })
    .map((name) => join(directory, name));
}

/**
 * Gives the first of some left files that nobody else takes first a path of our own: rename has one winner.
 * @returns whether there was one.
 */
export function takeOver(left: readonly string[], path: string): boolean {
  return left.some((file) => renamed(file, path));
}

function renamed(from: string, to: string): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}
