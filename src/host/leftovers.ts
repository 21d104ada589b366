import { join } from 'node:path';

import { fileStatus, listNames, removeTree } from './files.ts';

const day = 86_400_000;

/**
 * Removes the temporary files and directories (`.#...`) in a directory that were last written more than a day ago:
 * nothing of ours takes that long, so whoever was writing them was killed.
 */
export function removeLeftovers(directory: string, now: Date): void {
  removeOld(directory, now, 1, (name) => name.startsWith('.#'));
}

/** Removes what was last written so many days ago in a directory. */
export function removeOld(
  directory: string,
  now: Date,
  days: number,
  concerns: (name: string) => boolean = () => true,
): void {
  for (const name of oldNames(directory, now, days, concerns)) removeTree(join(directory, name));
}

/** The names of what was last written so many days ago in a directory. */
export function oldNames(
  directory: string,
  now: Date,
  days: number,
  concerns: (name: string) => boolean = () => true,
): readonly string[] {
  return listNames(directory)
    .filter(concerns)
    .filter((name) => {
      const written = fileStatus(join(directory, name))?.mtime;
      return written !== undefined && now.getTime() - written.getTime() > days * day;
    });
}
