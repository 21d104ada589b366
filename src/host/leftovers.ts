import { join } from 'node:path';

import { fileStatus, listNames, removeTree } from './files.ts';

const day = 86_400_000;

/**
 * Removes the temporary files and directories (`.#...`) in a directory that were last written more than a day ago:
 * nothing of ours takes that long, so whoever was writing them was killed.
 */
export function removeLeftovers(directory: string, now: Date): void {
  for (const name of listNames(directory)) {
    const path = join(directory, name);
    const written = name.startsWith('.#') ? fileStatus(path)?.mtime : undefined;
    if (written !== undefined && now.getTime() - written.getTime() > day) removeTree(path);
  }
}
