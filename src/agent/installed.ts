import type { Agent } from './agent.ts';
import { openHistory, type InstalledExtension, type OperationRecord } from './history.ts';

/** The extensions that this agent installed, by the record. Nothing is written. */
export function installedExtensions(agent: Agent): InstalledExtension[] {
  using history = openHistory(agent.paths.history, { writable: false });
  return history.installed();
}

/** The latest operations, newest first. Nothing is written. */
export function latestOperations(agent: Agent, limit: number): OperationRecord[] {
  using history = openHistory(agent.paths.history, { writable: false });
  return history.operations(limit);
}
