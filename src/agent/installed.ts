import type { Agent } from './agent.ts';
import type { History } from './history.ts';
import type { InstalledExtension } from './records.ts';

/** The extensions that this agent installed, by the record or, where there is none, by what is in place. */
export async function installedIn(agent: Agent, history: History): Promise<readonly InstalledExtension[]> {
  if (history.operations(1).length > 0) return history.installed();
  const { extensionsInPlace } = await import('./adoption.ts');
  return await extensionsInPlace(agent);
}
