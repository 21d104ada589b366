import { dirname, join } from 'node:path';

import { withLeft } from '../core/errors.ts';
import {
  fileStatus,
  linkDurably,
  listNames,
  makeDirectory,
  removeTree,
  renameDurably,
  temporaryBeside,
} from '../host/files.ts';
import { foundInPlace, type FoundExtension } from './adoption.ts';
import type { Agent } from './agent.ts';
import { damageOf } from './history-damage.ts';
import { openHistory, type InstalledExtension } from './history.ts';
import { startOf } from './operation.ts';
import { salvage, type SalvagedTable } from './salvage.ts';
import { takeTurn } from './turn.ts';

/** What became of a history that could not be used. */
export interface RebuildReport {
  /** Why it could not be used. */
  readonly why: string;
  /** Where it is kept as it was; absent where there was none. */
  readonly kept?: string;
  /** What could be read of it. */
  readonly salvaged: readonly SalvagedTable[];
  /** The extensions that are in force from now on: those that are in place. */
  readonly extensions: readonly InstalledExtension[];
  /** What else was lost, in sentences. */
  readonly lost: readonly string[];
}

/**
 * Begins the history anew where it is damaged or lost: with what can be read of the old one, and with the extensions of
 * ours that are in place. What is merged and in place stays as it is. The old one is kept beside it, and is what counts
 * until the new one is whole.
 * @returns undefined where the history is sound.
 * @throws AgentError `busy`; `io` where a newer agent wrote it; `disk-full`, `read-only`.
 */
export async function rebuildHistory(agent: Agent): Promise<RebuildReport | undefined> {
  try {
    await agent.tool.features();
    using lock = await takeTurn(agent);
    const path = agent.paths.history;
    const found = await foundInPlace(agent);
    const why = damageOf(path) ?? (isLost(path, found) ? 'it is lost' : undefined);
    return why === undefined ? undefined : await rebuild(agent, path, found, why);
  } catch (error) {
    throw withLeft(error, 'Nothing was changed.');
  }
}

/** Where extensions are in place, there was a history. */
function isLost(path: string, found: readonly FoundExtension[]): boolean {
  if (found.length === 0) return false;
  using history = openHistory(path, { writable: false });
  return history.operations(1).length === 0;
}

async function rebuild(
  agent: Agent,
  path: string,
  found: readonly FoundExtension[],
  why: string,
): Promise<RebuildReport> {
  makeDirectory(dirname(path));
  const fresh = temporaryBeside(path);
  try {
    createEmpty(fresh);
    const salvaged = fileStatus(path) === undefined ? [] : salvage(path, fresh);
    const { extensions, lost } = await adopt(agent, fresh, found);
    const kept = replace(
      path,
      fresh,
      `${path}.damaged-${agent.clock
        .now()
        .toISOString()
        .replace(/[:-]|\.\d+/g, '')}`,
    );
    return { why, ...(kept === undefined ? {} : { kept }), salvaged, extensions, lost };
  } finally {
    for (const name of listNames(dirname(path)))
      if (name.startsWith('.#history.db.')) removeTree(join(dirname(path), name));
  }
}

/** With its tables, and nothing in them. */
function createEmpty(path: string): void {
  using history = openHistory(path, { writable: true });
  history.abandonRunning();
}

/** Puts in force what is in place, with what the old record knew of the same images. */
async function adopt(
  agent: Agent,
  path: string,
  found: readonly FoundExtension[],
): Promise<Pick<RebuildReport, 'extensions' | 'lost'>> {
  using history = openHistory(path, { writable: true });
  history.abandonRunning();
  const recorded = history.installed();
  const known = history.generations(setsToSearch).flatMap((generation) => generation.extensions);
  const extensions = found.map(({ extension }) => known.find((one) => isSameImage(one, extension)) ?? extension);
  history.note(await startOf(agent, 'adopt'), { found: extensions });
  const damaged = found.filter((one) => one.damaged).map(({ extension }) => extension);
  const since = agent.clock.now();
  for (const { name, sha256 } of damaged) {
    history.addBadImage({ name, sha256, kind: 'damaged', reason: 'its content is not what its digest says', since });
  }
  if (agent.bootId !== undefined) history.noteBoot(agent.bootId, since);
  return { extensions, lost: lossesOf(recorded, extensions, damaged) };
}

/** How many sets are looked through for what was known of an image. */
const setsToSearch = 100;

function isSameImage(a: InstalledExtension, b: InstalledExtension): boolean {
  return a.name === b.name && a.sha256 === b.sha256 && a.kind === b.kind;
}

function lossesOf(
  recorded: readonly InstalledExtension[],
  extensions: readonly InstalledExtension[],
  damaged: readonly InstalledExtension[],
): string[] {
  const missing = recorded.filter(({ name }) => !extensions.some((extension) => extension.name === name));
  return [
    ...missing.map(({ name, source }) => `${name} was installed from ${source}, and its image is not in place`),
    ...damaged.map(({ name }) => `the image of ${name} is damaged: \`sysext-agent apply\` takes it out of sight`),
  ];
}

/**
 * Puts the new history in the place of the old one, which gets another name. At every instant one of them is there. A
 * journal goes first: it would be played back into the new one.
 * @returns where the old one is now.
 */
function replace(path: string, fresh: string, kept: string): string | undefined {
  const was = fileStatus(path);
  if (fileStatus(`${path}-journal`) !== undefined) renameDurably(`${path}-journal`, `${kept}-journal`);
  if (was?.isFile() === true) linkDurably(path, kept);
  else if (was !== undefined) renameDurably(path, kept);
  renameDurably(fresh, path);
  return was === undefined ? undefined : kept;
}
