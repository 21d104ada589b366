import { join } from 'node:path';

import { isAgentError } from '../../core/errors.ts';
import { makeDirectory, removeTree, touch } from '../../host/files.ts';
import { takeLock, type HeldLock } from '../../host/lock.ts';
import { makeOwnedDirectory } from '../../host/owned.ts';
import type { Bind, Sandbox } from '../sandbox/sandbox.ts';
import type { StepCache } from './making-step.ts';

/** The caches of a step while it runs. */
export interface OpenCaches extends AsyncDisposable {
  readonly binds: readonly Bind[];
}

export interface CacheMeans {
  /** Each cache is a directory in it. */
  readonly directory: string;
  readonly sandbox: Pick<Sandbox, 'removeLayer'>;
  /** How long to wait for another build that has a cache which only one may have, in seconds. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Gives a step its caches: directories that stay, but for `private` ones that another build has, instead of which it gets
 * empty ones.
 * @throws AgentError `busy` where another build keeps a `locked` one for too long, `interrupted`.
 */
export async function openCaches(caches: readonly StepCache[], means: CacheMeans): Promise<OpenCaches> {
  await using open = new AsyncDisposableStack();
  const binds: Bind[] = [];
  // In the order of their keys: two builds that want the same ones do not wait for each other.
  for (const cache of [...caches].sort((a, b) => (a.key < b.key ? -1 : 1)))
    binds.push({ source: await openCache(cache, means, open), at: cache.at, writable: true });
  const held = open.move();
  return { binds, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function openCache({ key, sharing }: StepCache, means: CacheMeans, open: AsyncDisposableStack): Promise<string> {
  const { directory, sandbox } = means;
  const path = join(directory, key);
  makeDirectory(path);
  touch(path);
  if (sharing === 'shared') return path;
  const lock = await lockOf(`${path}.lock`, sharing, means);
  if (lock !== undefined) {
    open.use(lock);
    return path;
  }
  const empty = makeOwnedDirectory(directory);
  open.defer(async () => {
    await sandbox.removeLayer(empty);
    removeTree(empty);
  });
  return empty;
}

async function lockOf(
  path: string,
  sharing: StepCache['sharing'],
  { patience, signal }: CacheMeans,
): Promise<HeldLock | undefined> {
  const waitSeconds = sharing === 'locked' ? patience : 0;
  try {
    return await takeLock(path, { holder: 'a build that uses the same cache', waitSeconds, signal });
  } catch (error) {
    if (sharing === 'private' && isAgentError(error, 'busy')) return undefined;
    throw error;
  }
}
