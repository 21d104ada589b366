import { join } from 'node:path';

import { oldNames } from '../host/leftovers.ts';
import { abandonedDirectories, isInUse } from '../host/owned.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** Where builds have directories of their own, below the cache. */
const workPlaces = ['work', 'making', 'making/caches', 'tests'];

/** In days: nothing of ours takes longer, nor is anything used for longer that was put away. */
const longest = 1;

/**
 * Removes the directories of builds that were killed; where nothing can be told of their processes, and of what was put away,
 * when they are old. Every build begins with it: the next one may have nothing to make where that one was at work.
 */
export async function removeLeftBehind(
  cacheDirectory: string,
  now: Date,
  sandbox: Pick<Sandbox, 'removeLayer'>,
): Promise<void> {
  for (const place of workPlaces.map((name) => join(cacheDirectory, name))) {
    const old = oldNames(place, now, longest, (name) => name.startsWith('.#') && !isInUse(name));
    const left = new Set([...abandonedDirectories(place), ...old.map((name) => join(place, name))]);
    for (const path of left) await sandbox.removeLayer(path);
  }
}
