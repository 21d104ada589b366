import { AgentError } from '../core/errors.ts';
import { linkStatus } from '../host/files.ts';
import { conflictWith, deactivationStep, entryPath } from './activation.ts';
import { isActive, recordedImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import { changeMerged, refreshDescription, type ChangeOptions, type ChangeReport } from './change.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { installedExtensions } from './installed.ts';
import { operate } from './operation.ts';

/**
 * Takes extensions out and merges the rest: all of the names or, where anything fails, none.
 * @throws AgentError `no-such-extension` for a name that this agent did not install, `merge-failed`, `busy`.
 */
export async function remove(
  agent: Agent,
  names: readonly string[],
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  if (options.dryRun === true) return dryRun(agent, names);
  return operate(agent, 'remove', async ({ installed }) => {
    const leaving = pick(installed, names);
    refuseForeign(agent, leaving);
    const steps = leaving.map((extension) =>
      deactivationStep(agent.paths.extensions, extension.name, recordedImage(agent.paths.store, extension), agent.exec),
    );
    const { merged, warnings } = await changeMerged(agent, steps, { directories: false, ...options });
    const extensions = leaving.map(changeOf);
    const staying = installed.filter((extension) => !leaving.includes(extension));
    return { value: { extensions, steps: [], merged, warnings }, extensions, installed: staying };
  });
}

async function dryRun(agent: Agent, names: readonly string[]): Promise<ChangeReport> {
  const steps = pick(await installedExtensions(agent), names).map(
    ({ name }) => `take ${name} out of ${agent.paths.extensions}`,
  );
  return { extensions: [], steps: [...steps, refreshDescription], merged: [], warnings: [] };
}

/** Where something else took the place of our image it is not ours to remove. */
function refuseForeign(agent: Agent, leaving: readonly InstalledExtension[]): void {
  for (const { name, ...extension } of leaving) {
    const path = entryPath(agent.paths.extensions, name, extension.kind);
    if (linkStatus(path) === undefined || isActive(path, recordedImage(agent.paths.store, extension))) continue;
    throw conflictWith(path, name, `Move ${path} away, then remove ${name} again.`);
  }
}

function pick(installed: readonly InstalledExtension[], names: readonly string[]): InstalledExtension[] {
  return [...new Set(names)].map((name) => {
    const extension = installed.find((candidate) => candidate.name === name);
    if (extension !== undefined) return extension;
    throw new AgentError('no-such-extension', `this agent has not installed an extension ${name}`, {
      facts:
        installed.length === 0
          ? ['It has installed none.']
          : [`installed: ${installed.map((candidate) => candidate.name).join(', ')}`],
      left: 'Nothing was changed.',
    });
  });
}

function changeOf({ name, version, sha256, source }: InstalledExtension): ExtensionChange {
  return { name, version, sha256, source, change: 'removed', allowed: [] };
}
