import type { PackageManager } from '../../agent/package-manager.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { jsonMode, show } from '../output.ts';

/** `package-manager`: what hooks of package managers call. */
export const packageManagerCommand: CommandSpec = {
  name: 'package-manager',
  arguments: '<begin|end> <name>',
  summary: 'take extensions away while a package manager works, and merge them again afterwards',
  description:
    'For the hooks of package managers: a merged /usr cannot be written. Where nothing is merged nothing is done. What is done is told on standard error.',
  options: [
    {
      flags: '--process <pid>',
      description: 'the process of the package manager; without it, the one that calls this command',
    },
    {
      flags: '--even-if-unmerged',
      description: 'let nothing be merged meanwhile, even where nothing is merged now',
    },
    common.root,
    common.json,
    common.wait,
  ],
  examples: [
    ['sysext-agent package-manager begin apt --process=$PPID', 'what the hook of apt runs before dpkg'],
    ['sysext-agent package-manager end apt --process=$PPID', 'and after it'],
  ],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const [step = '', name = ''] = args;
    if (step !== 'begin' && step !== 'end')
      throw new AgentError('usage', `package-manager takes begin or end, not ${step}`);
    const manager = { name: managerName(name), pid: processNumber(options.text('process')) };
    const evenIfUnmerged = options.flag('evenIfUnmerged');
    requireRoot('work for a package manager');
    await (step === 'begin' ? begin(invocation, { ...manager, evenIfUnmerged }) : end(invocation, manager));
    return signal.aborted && step === 'begin' ? exitCodes.interrupted : exitCodes.ok;
  },
};

/** After Ctrl-C the package manager goes no further, and calls nobody at its end. */
async function begin(invocation: Invocation, manager: PackageManager): Promise<void> {
  const { beginTransaction } = await import('../../agent/package-manager.ts');
  const { unmerged, warnings } = await beginTransaction(await agentFor(invocation.options), manager);
  const lines = unmerged.length === 0 ? [] : [`Unmerged for ${manager.name}: ${unmerged.join(', ')}`];
  tell(invocation, { unmerged, warnings }, [...warnings, ...lines]);
  if (invocation.signal.aborted) await end(invocation, manager);
}

async function end(invocation: Invocation, manager: PackageManager): Promise<void> {
  const { endTransaction } = await import('../../agent/package-manager.ts');
  const { merged, warnings } = await endTransaction(await agentFor(invocation.options), manager);
  const lines = merged.length === 0 ? [] : [`Merged: ${merged.join(', ')}`];
  tell(invocation, { merged, warnings }, [...warnings, ...lines]);
}

/** Not on standard output: package managers read commands there. */
function tell(invocation: Invocation, value: object, lines: readonly string[]): void {
  if (jsonMode(invocation) !== 'off') show(invocation, value, () => []);
  else for (const line of lines) invocation.terminal.note(`sysext-agent: ${line}`);
}

function managerName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/.test(text)) return text;
  throw new AgentError('usage', `${JSON.stringify(text)} is no name of a package manager`);
}

function processNumber(text: string | undefined): number {
  const pid = Number(text ?? process.ppid);
  if (Number.isInteger(pid) && pid > 0) return pid;
  throw new AgentError('usage', `--process takes the number of a process, not ${text ?? ''}`);
}
