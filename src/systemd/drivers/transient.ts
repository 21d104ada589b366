import { AgentError } from '../../core/errors.ts';
import { findProgram } from '../../host/exec.ts';
import { readMerged } from '../merged.ts';
import { mergeArguments, type MergeOptions, type MergeVerb, type SysextTool } from '../sysext-tool.ts';
import { runTransient, type TransientHost } from '../transient.ts';
import type { CommittedMerge, MergeDriver } from './driver.ts';

/** How long systemd-sysext may take, in milliseconds: it copies nothing, but devices may be slow to come. */
const longestMerge = 10 * 60_000;

/**
 * The driver for a process that is not where the host's mounts are: PID 1 runs systemd-sysext. It is never stopped
 * half-way, also when we end.
 */
export function transientDriver(tool: SysextTool, host: TransientHost): MergeDriver {
  return {
    name: 'transient',
    prepare: (verb, options) =>
      Promise.resolve({
        commit: () => commit(tool, host, verb, options),
        abort: () => Promise.resolve(),
      }),
    observe: () => readMerged('/'),
  };
}

async function commit(
  tool: SysextTool,
  host: TransientHost,
  verb: MergeVerb,
  options: MergeOptions,
): Promise<CommittedMerge> {
  const { options: known } = await tool.features();
  const noReload = options.noReload === true || (options.reloadedLater === true && known.includes('--no-reload'));
  const { exitCode, result, output } = await runTransient(host, {
    name: verb,
    description: `System extensions: ${verb}, for sysext-agent`,
    argv: [pathOfTool(), ...mergeArguments(verb, '/', { ...options, noReload }, known)],
    timeoutMs: options.timeLimit === undefined ? longestMerge : options.timeLimit * 1000,
  });
  const ended = ['success', 'exit-code'].includes(result) ? [] : [`systemd ended it: ${result}`];
  return { exitCode, said: [...output.split('\n').filter((line) => line.trim() !== ''), ...ended] };
}

function pathOfTool(): string {
  const path = findProgram('systemd-sysext');
  if (path === undefined) throw new AgentError('tool-missing', 'this host has no systemd-sysext');
  return path;
}
