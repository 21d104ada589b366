import type { Agent } from './agent.ts';
import { openHistory, type History } from './history.ts';
import type { InstalledExtension } from './records.ts';

/** The extensions that this agent installed, by the record or, where there is none, by what is in place. Nothing is written. */
export async function installedExtensions(agent: Agent): Promise<readonly InstalledExtension[]> {
  using history = openHistory(agent.paths.history, { writable: false });
  return await installedIn(agent, history);
}

/** The same from a history that is open. */
export async function installedIn(agent: Agent, history: History): Promise<readonly InstalledExtension[]> {
  if (history.operations(1).length > 0) return history.installed();
  const { extensionsInPlace } = await import('./adoption.ts');
  return await extensionsInPlace(agent);
}
