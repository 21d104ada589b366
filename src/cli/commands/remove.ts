import { exitCodes } from '../../core/errors.ts';
import { changeOptions, type CommandSpec } from '../command.ts';
import { showChange } from '../change-output.ts';
import { agentFor, requireRoot } from '../invoker.ts';

export const removeCommand: CommandSpec = {
  name: 'remove',
  arguments: '<name...>',
  summary: 'take extensions out and merge the rest',
  options: changeOptions,
  examples: [['sysext-agent remove jq', 'jq is gone from /usr, and from the next boot on']],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    if (!dryRun) requireRoot('remove extensions');
    const { remove } = await import('../../agent/remove.ts');
    showChange(invocation, await remove(await agentFor(options, signal), args, { dryRun, signal }));
    return exitCodes.ok;
  },
};
