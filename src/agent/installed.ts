import type { Agent } from './agent.ts';
import { openHistory, type InstalledExtension, type OperationRecord } from './history.ts';

/** The extensions that this agent installed, by the record or, where there is none, by what is in place. Nothing is written. */
export async function installedExtensions(agent: Agent): Promise<InstalledExtension[]> {
  using history = openHistory(agent.paths.history, { writable: false });
  if (history.operations(1).length > 0) return history.installed();
  const { extensionsInPlace } = await import('./adoption.ts');
  return await extensionsInPlace(agent);
}

/** The latest operations, newest first. Nothing is written. */
export function latestOperations(agent: Agent, limit: number): OperationRecord[] {
  using history = openHistory(agent.paths.history, { writable: false });
  return history.operations(limit);
}
