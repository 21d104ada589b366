import { join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { linkStatus, listNames } from '../host/files.ts';
import { readMerged } from '../systemd/merged.ts';
import { entryPath, removeEntry, replaceEntry } from './activation.ts';
import type { Agent } from './agent.ts';
import { isSettlementOwed, notedSettlement, oweSettlement, settleOrLeave } from './effects/settling.ts';
import { nothingToSettle } from './effects/steps.ts';
import type { History } from './history.ts';
import type { BadImage, InstalledExtension } from './records.ts';
import { runMerge } from './merging.ts';
import { isActive, recordedImage, storedImages, type StoredImage } from './stored-image.ts';

/** What a killed operation left that nobody has put back: all of it, or only what is around the merge of this boot. */
export function unsettled(
  agent: Pick<Agent, 'paths' | 'root'>,
  history: Pick<History, 'operations'>,
): 'all' | 'owed' | undefined {
  if (history.operations(1)[0]?.result === 'running') return 'all';
  return agent.root === '/' && isSettlementOwed(agent) ? 'owed' : undefined;
}

/** An extension and the image that the record says fills it. */
interface Recorded {
  readonly name: string;
  readonly image: StoredImage;
}

/**
 * Puts back what an operation changed that ended half-way, killed or unable to record what it did: every extension of
 * the record gets its image again, images of the store that the record does not have go out of systemd's sight, and
 * what is left is merged. What is not ours stays as it is. To be called before the store is swept: its images tell
 * which entries are ours.
 * @param bad images that were taken out of systemd's sight, and stay out of it.
 * @param merge given where a merge may be half done: whether anything was merged before. What is merged then proves
 * nothing, and is merged anew. `at-boot` where systemd merges after this: what follows a merge is then left to others.
 */
export async function putBack(
  agent: Agent,
  installed: readonly InstalledExtension[],
  bad: readonly BadImage[],
  merge?: { readonly was: boolean } | 'at-boot',
): Promise<void> {
  const { extensions, store } = agent.paths;
  const settlement = merge === 'at-boot' ? nothingToSettle : notedSettlement(agent);
  await settleOrLeave(agent, settlement.before);
  const recorded = installed
    .filter(({ sha256 }) => !bad.some((image) => image.sha256 === sha256))
    .map((extension) => ({ name: extension.name, image: recordedImage(store, extension) }));
  const isOurs = entryTest(store);
  const lost = recorded.filter((extension) => isLost(extensions, extension, isOurs));
  for (const { name, image } of lost) await replaceEntry(extensions, name, undefined, image, agent.exec);
  const strays = strayEntries(extensions, recorded).filter(isOurs);
  for (const path of strays) removeEntry(path);
  if (merge === 'at-boot') {
    oweSettlement(agent);
    return;
  }
  if (lost.length > 0 || strays.length > 0 || merge !== undefined) {
    await mergeAgain(agent, { wasMerged: merge?.was === true, reloadedLater: settlement.after.length > 0 });
  }
  await settleOrLeave(agent, settlement.after);
}

/** Whether the entry of a search directory is an image of our store. */
function entryTest(store: string): (path: string) => boolean {
  const images = storedImages(store);
  return (path) => images.some((image) => isActive(path, image));
}

/** Whether an extension has lost its place, to nothing or to another image of ours, and can have it back. */
function isLost(extensions: string, { name, image }: Recorded, isOurs: (path: string) => boolean): boolean {
  const path = entryPath(extensions, name, image.kind);
  if (isActive(path, image) || linkStatus(image.path) === undefined) return false;
  return linkStatus(path) === undefined || isOurs(path);
}

function strayEntries(extensions: string, recorded: readonly Recorded[]): string[] {
  const expected = new Set(recorded.map(({ name, image }) => entryPath(extensions, name, image.kind)));
  return listNames(extensions)
    .filter((name) => !name.startsWith('.#'))
    .map((name) => join(extensions, name))
    .filter((path) => !expected.has(path));
}

/**
 * Merges configuration extensions where a killed operation may have left none merged, as systemd-confext alone can. Where
 * some are, that is the old set or the new one, whole.
 */
export async function mergeConfextsAgain(agent: Agent, wasMerged: boolean): Promise<void> {
  const isMerged = agent.confexts.driver.observe().some(({ since }) => since !== undefined);
  if (isMerged || !wasMerged) return;
  try {
    await runMerge(agent, 'refresh', {}, undefined, agent.confexts);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

/** Where it cannot be merged now, the next operation of this host says why. */
async function mergeAgain(
  agent: Agent,
  { wasMerged, reloadedLater }: { readonly wasMerged: boolean; readonly reloadedLater: boolean },
): Promise<void> {
  if (!wasMerged && readMerged(agent.root).every(({ since }) => since === undefined)) return;
  try {
    await runMerge(agent, 'refresh', { alwaysRefresh: true, reloadedLater });
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}
