import { join } from 'node:path';

import { abandonedDirectories } from '../host/owned.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** Where builds have directories of their own, below the cache. */
const workPlaces = ['work', 'making', 'making/caches', 'tests'];

/**
 * Removes the directories of builds that were killed. Every build begins with it: the next one may have nothing to make
 * where that one was at work.
 */
export async function removeLeftBehind(cacheDirectory: string, sandbox: Pick<Sandbox, 'removeLayer'>): Promise<void> {
  for (const place of workPlaces)
    for (const left of abandonedDirectories(join(cacheDirectory, place))) await sandbox.removeLayer(left);
}
