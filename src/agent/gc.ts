import type { Agent } from './agent.ts';
import { openHistory } from './history.ts';
import { operate } from './operation.ts';
import { defaultRetention, type RetentionPolicy } from './retention.ts';
import { digestIn } from './entries.ts';
import { storedImages } from './stored-image.ts';
import { keptGenerations, keptImages, sweep } from './sweep.ts';

export interface GcReport {
  /** The sha256 of every image that goes. */
  readonly removed: readonly string[];
  /** Bytes of the images that went; undefined for a dry run. */
  readonly bytes: number | undefined;
  /** Numbers of the generations that can still be rolled back to, newest first. */
  readonly generations: readonly number[];
}

/**
 * Removes images that no generation needs that is to be kept.
 * @param limits in place of the defaults.
 */
export async function gc(agent: Agent, limits: Partial<RetentionPolicy>, dryRun: boolean): Promise<GcReport> {
  const policy = { ...defaultRetention, ...limits };
  if (dryRun) return foretold(agent, policy);
  return operate(agent, 'gc', (scope) => {
    scope.intend([{ description: 'remove images that no kept generation needs', reason: 'it was asked for' }]);
    const { removed, bytes } = sweep(agent, scope.history, policy);
    const generations = keptGenerations(agent, scope.history, policy).map(({ number }) => number);
    return Promise.resolve({ value: { removed: removed.map(digestIn), bytes, generations }, extensions: [] });
  });
}

function foretold(agent: Agent, policy: RetentionPolicy): GcReport {
  using history = openHistory(agent.paths.history, { writable: false });
  const kept = keptGenerations(agent, history, policy);
  const needed = new Set(keptImages(agent, history, policy).map(({ sha256 }) => sha256));
  const removed = storedImages(agent.paths.store)
    .map(({ path }) => digestIn(path))
    .filter((sha256) => !needed.has(sha256));
  return { removed, bytes: undefined, generations: kept.map(({ number }) => number) };
}
