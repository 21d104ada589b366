import type { Agent } from './agent.ts';
import { openHistory } from './history.ts';
import { alone, startOf } from './operation.ts';
import type { Hold } from './records.ts';
import { refuseUnknown } from './remove.ts';

/**
 * Lets extensions keep the images that they have: install, remove and rollback leave them as they are until they are no
 * longer held.
 * @returns the names that are held afterwards.
 * @throws AgentError `no-such-extension` for a name that is not installed.
 */
export async function hold(agent: Agent, names: readonly string[]): Promise<readonly string[]> {
  return alone(agent, async (history) => {
    refuseUnknown(history.installed(), names);
    const since = agent.clock.now();
    history.note(await startOf(agent, 'hold'), { hold: names.map((name) => ({ name, since })) });
    return history.holds().map(({ name }) => name);
  });
}

/**
 * Ends holds.
 * @returns the names that are still held.
 * @throws AgentError `no-such-extension` for a name that is not installed.
 */
export async function unhold(agent: Agent, names: readonly string[]): Promise<readonly string[]> {
  return alone(agent, async (history) => {
    refuseUnknown(history.installed(), names);
    history.note(await startOf(agent, 'unhold'), { unhold: names });
    return history.holds().map(({ name }) => name);
  });
}

/** What is held. Nothing is written. */
export function heldExtensions(agent: Agent): readonly Hold[] {
  using history = openHistory(agent.paths.history, { writable: false });
  return history.holds();
}
