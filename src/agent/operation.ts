import { join } from 'node:path';

import { isAgentError, messageOf, withLeft } from '../core/errors.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { listNames, removeTree } from '../host/files.ts';
import { takeLock } from '../host/lock.ts';
import { readOsRelease } from '../systemd/host-release.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import { extensionsInPlace } from './adoption.ts';
import type { Agent } from './agent.ts';
import { openHistory, type ExtensionChange, type History, type InstalledExtension, type Verb } from './history.ts';
import { putBack } from './recovery.ts';
import { sweepStore } from './store.ts';
import { recordedImage } from './stored-image.ts';

/** What an operation did, for the record. */
export interface Deed<T> {
  readonly value: T;
  readonly extensions: readonly ExtensionChange[];
  /** What is installed from now on; left out where that did not change. */
  readonly installed?: readonly InstalledExtension[];
}

/** What the work of an operation may use. */
export interface OperationScope {
  readonly installed: readonly InstalledExtension[];
}

/**
 * Runs one operation alone on this host and records it, whether it succeeds or fails.
 * @throws AgentError `busy` where another operation is under way, and whatever `work` throws.
 */
export async function operate<T>(
  agent: Agent,
  verb: Verb,
  work: (scope: OperationScope) => Promise<Deed<T>>,
): Promise<T> {
  try {
    const { version } = await agent.tool.features();
    await using lock = await takeLock(agent.paths.lock, agent.actor.command, agent.waitSeconds);
    using history = openHistory(agent.paths.history, { writable: true });
    const installed = await afterCrash(agent, history);
    const { actor, clock, root } = agent;
    const start = { verb, startedAt: clock.now(), actor, os: systemName(root), systemd: versionText(version) };
    return await perform(agent, history, history.begin(start), { installed }, work);
  } catch (error) {
    throw withLeft(error, 'Nothing was changed.');
  }
}

/** Clears away what a killed operation left, adopts what a lost history left, and returns what is installed. */
async function afterCrash(agent: Agent, history: History): Promise<readonly InstalledExtension[]> {
  const [last] = history.operations(1);
  if (last === undefined) history.adopt(await extensionsInPlace(agent));
  const installed = history.installed();
  if (last?.result === 'running') await putBack(agent, installed);
  history.abandonRunning();
  sweep(agent, installed);
  return installed;
}

/** Does the work of the operation `id`, and records how it ended. */
async function perform<T>(
  agent: Agent,
  history: History,
  id: number,
  { installed }: OperationScope,
  work: (scope: OperationScope) => Promise<Deed<T>>,
): Promise<T> {
  const start = agent.clock.monotonic();
  const end = () => ({
    durationMs: Math.round(agent.clock.monotonic() - start),
    merged: mergedNames(readMerged(agent.root)),
    extensions: [],
  });
  try {
    const deed = await work({ installed });
    await record(agent, installed, deed, () => {
      history.finish(id, { ...end(), result: 'done', extensions: deed.extensions }, deed.installed);
    });
    tidy(() => {
      sweep(agent, deed.installed ?? installed);
    });
    return deed.value;
  } catch (error) {
    const result = isAgentError(error, 'interrupted') ? 'interrupted' : 'failed';
    tidy(() => {
      sweep(agent, installed);
    });
    tidy(() => {
      history.finish(id, { ...end(), result, error: messageOf(error) });
    });
    throw error;
  }
}

/** What cannot be recorded must not stay: the next operation would take it for someone else's. */
async function record<T>(
  agent: Agent,
  installed: readonly InstalledExtension[],
  deed: Deed<T>,
  write: () => void,
): Promise<void> {
  try {
    write();
  } catch (error) {
    if (deed.installed === undefined) throw withLeft(error, 'It is done, and only the record of it is missing.');
    await putBack(agent, installed);
    throw withLeft(error, 'Everything is as it was before.');
  }
}

/** Does what the next operation does where it fails now: an error here would hide what happened before. */
function tidy(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

/** Removes what killed processes left and images that no extension uses any more. */
function sweep(agent: Agent, installed: readonly InstalledExtension[]): void {
  sweepTemporary(agent.paths.extensions);
  sweepStore(
    agent.paths.store,
    installed.map((extension) => recordedImage(agent.paths.store, extension)),
  );
}

/** Removes what has the pattern of our temporary names: nobody else makes any while we hold the lock. */
function sweepTemporary(directory: string): void {
  for (const name of listNames(directory)) if (/^\.#.+\.[0-9a-f]{16}$/.test(name)) removeTree(join(directory, name));
}

function systemName(root: string): string {
  const { ID = '', VERSION_ID = '' } = readOsRelease(root);
  return `${ID} ${VERSION_ID}`.trim();
}

function versionText(version: SystemdVersion): string {
  return version.minor === 0 ? String(version.major) : `${version.major}.${version.minor}`;
}
