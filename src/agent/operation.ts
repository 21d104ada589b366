import { isAgentError, messageOf } from '../core/errors.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { takeLock } from '../host/lock.ts';
import { readOsRelease } from '../systemd/host-release.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import { recordedImage, sweepExtensions } from './activation.ts';
import type { Agent } from './agent.ts';
import { openHistory, type ExtensionChange, type History, type InstalledExtension, type Verb } from './history.ts';
import { sweepStore } from './store.ts';

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
  const { version } = await agent.tool.features();
  await using lock = await takeLock(agent.paths.lock, agent.actor.command, agent.waitSeconds);
  using history = openHistory(agent.paths.history, { writable: true });
  history.abandonRunning();
  const installed = history.installed();
  sweep(agent, installed);
  const startedAt = agent.clock.now();
  const start = agent.clock.monotonic();
  const id = history.begin({
    verb,
    startedAt,
    actor: agent.actor,
    os: systemName(agent.root),
    systemd: versionText(version),
  });
  const elapsed = () => Math.round(agent.clock.monotonic() - start);
  try {
    const deed = await work({ installed });
    const end = {
      result: 'done',
      durationMs: elapsed(),
      merged: mergedNow(agent),
      extensions: deed.extensions,
    } as const;
    history.finish(id, end, deed.installed);
    sweep(agent, deed.installed ?? installed);
    return deed.value;
  } catch (error) {
    recordFailure(history, id, error, elapsed(), mergedNow(agent));
    throw error;
  }
}

function recordFailure(
  history: History,
  id: number,
  error: unknown,
  durationMs: number,
  merged: readonly string[],
): void {
  const result = isAgentError(error, 'interrupted') ? 'interrupted' : 'failed';
  history.finish(id, { result, durationMs, error: messageOf(error), merged, extensions: [] });
}

/** Removes what killed processes left and images that no extension uses any more. */
function sweep(agent: Agent, installed: readonly InstalledExtension[]): void {
  sweepExtensions(agent.paths.extensions);
  sweepStore(
    agent.paths.store,
    installed.map((extension) => recordedImage(agent.paths.store, extension)),
  );
}

function mergedNow(agent: Agent): string[] {
  return mergedNames(readMerged(agent.root));
}

function systemName(root: string): string {
  const { ID = '', VERSION_ID = '' } = readOsRelease(root);
  return `${ID} ${VERSION_ID}`.trim();
}

function versionText(version: SystemdVersion): string {
  return version.minor === 0 ? String(version.major) : `${version.major}.${version.minor}`;
}
