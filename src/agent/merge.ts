import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import type { Agent } from './agent.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { runMerge, type MergeOutcome } from './merging.ts';
import { operate } from './operation.ts';

/**
 * Runs `merge`, `unmerge` or `refresh` with the meaning and options of systemd-sysext(8), checks what is merged
 * afterwards, and records it.
 * @throws AgentError `merge-failed` where it is not what was meant, `busy`.
 */
export async function mergeOperation(agent: Agent, verb: MergeVerb, options: MergeOptions): Promise<MergeOutcome> {
  return operate(agent, verb, async ({ installed }) => {
    const value = await runMerge(agent, verb, options);
    return { value, extensions: value.merged.map((name) => mergedChange(name, installed)) };
  });
}

/** What the record says of a merged extension; of a foreign one it knows only the name. */
function mergedChange(name: string, installed: readonly InstalledExtension[]): ExtensionChange {
  const {
    version = '',
    sha256 = '',
    source = 'not installed by this agent',
  } = installed.find((extension) => extension.name === name) ?? {};
  return { name, version, sha256, source, change: 'merged', allowed: [] };
}
