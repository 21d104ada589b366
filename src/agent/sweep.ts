import { dirname, join } from 'node:path';

import { listNames, removeTree } from '../host/files.ts';
import { removeOld } from '../host/leftovers.ts';
import { belowRoot } from '../host/root.ts';
import type { Agent } from './agent.ts';
import { forgetSettlement } from './effects/settling.ts';
import type { History } from './history.ts';
import { maskDirectories } from './masks.ts';
import type { Generation, InstalledExtension } from './records.ts';
import { defaultRetention, retained, type RetentionPolicy } from './retention.ts';
import { sweepStore } from './store.ts';
import { recordedImage } from './stored-image.ts';

/** What a sweep took out of the store. */
export interface Sweeping {
  /** Names in the store. */
  readonly removed: readonly string[];
  /** Bytes that their images took. */
  readonly bytes: number;
}

/**
 * Removes what killed processes left, what was fetched long ago and not wanted in the end, and images that no generation
 * needs that is to be kept. Nobody else writes into the store while the caller holds the lock.
 */
export function sweep(agent: Agent, history: History, policy: RetentionPolicy = defaultRetention): Sweeping {
  for (const path of temporaryFiles(agent)) removeTree(path);
  removeOld(agent.paths.incoming, agent.clock.now(), 7);
  forgetSettlement(agent);
  return sweepStore(
    agent.paths.store,
    keptImages(agent, history, policy).map((image) => recordedImage(agent.paths.store, image)),
  );
}

/** Whether a killed process left something that a sweep would remove, images aside. */
export function hasLeftovers(agent: Agent): boolean {
  return temporaryFiles(agent).length > 0;
}

/** The images that are kept: those of the generations that are, and what waits for another version of the system. */
export function keptImages(agent: Agent, history: History, policy: RetentionPolicy): InstalledExtension[] {
  const installed = history.installed().map(({ name }) => name);
  const waiting = history.prefetched().map(({ extension }) => extension);
  return [
    ...keptGenerations(agent, history, policy).flatMap(({ extensions }) => extensions),
    ...waiting.filter(({ name }) => installed.includes(name)),
  ];
}

/** The generations that can be rolled back to as long as their images are there, newest first. */
export function keptGenerations(agent: Agent, history: History, policy = defaultRetention): Generation[] {
  const recent = history.generations(Math.max(1, policy.generations));
  const booted = agent.bootId === undefined ? undefined : history.booted(agent.bootId);
  const [confirmed] = history.confirmedGenerations(1);
  const needed = [recent[0]?.parent, booted, confirmed?.number].flatMap((number) => number ?? []);
  const others = needed
    .filter((number) => !recent.some((generation) => generation.number === number))
    .flatMap((number) => history.generation(number) ?? []);
  return retained([...recent, ...others], needed, policy, agent.clock.now());
}

/** What has the pattern of our temporary names: nobody else makes any while we hold the lock. */
function temporaryFiles({ root, paths }: Agent): string[] {
  const masks = maskDirectories.map((directory) => belowRoot(root, directory));
  const directories = new Set([...masks, paths.extensions, dirname(paths.history), dirname(paths.lock)]);
  return [...directories].flatMap((directory) =>
    listNames(directory)
      .filter((name) => /^\.#.+\.[0-9a-f]{16}$/.test(name))
      .map((name) => join(directory, name)),
  );
}
