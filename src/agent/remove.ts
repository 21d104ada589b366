import { AgentError } from '../core/errors.ts';
import type { Agent } from './agent.ts';
import { changeSet, type ChangeOptions, type ChangeReport } from './change.ts';
import { refuseOfFleet } from './fleet/owner.ts';
import type { InstalledExtension } from './records.ts';

/**
 * Takes extensions out and merges the rest: all of the names or, where anything fails, none.
 * @throws AgentError `no-such-extension` for a name that this agent did not install, `held`, `conflict`, `merge-failed`,
 * `busy`.
 */
export async function remove(
  agent: Agent,
  names: readonly string[],
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  const desired = (installed: readonly InstalledExtension[]) => {
    refuseUnknown(installed, names);
    refuseOfFleet('remove', installed, names);
    const extensions = installed.filter(({ name }) => !names.includes(name));
    return { extensions, named: names, merge: { verb: 'refresh', options: {} } } as const;
  };
  return changeSet(agent, { verb: 'remove', desired }, options);
}

/** @throws AgentError `no-such-extension` for the first name that is not installed. */
export function refuseUnknown(installed: readonly InstalledExtension[], names: readonly string[]): void {
  const unknown = names.find((name) => !installed.some((extension) => extension.name === name));
  if (unknown === undefined) return;
  throw new AgentError('no-such-extension', `this agent has not installed an extension ${unknown}`, {
    facts:
      installed.length === 0
        ? ['It has installed none.']
        : [`installed: ${installed.map(({ name }) => name).join(', ')}`],
    left: 'Nothing was changed.',
  });
}
