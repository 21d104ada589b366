import { exitCodes } from '../../core/errors.ts';
import { changeOptions, type CommandSpec } from '../command.ts';
import { showChange } from '../change-output.ts';
import { changedByService } from '../by-service.ts';
import { agentFor } from '../invoker.ts';

export const removeCommand: CommandSpec = {
  name: 'remove',
  arguments: '<name...>',
  summary: 'take extensions out and merge the rest',
  options: changeOptions,
  examples: [['sysext-agent remove jq', 'jq is gone from /usr, and from the next boot on']],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    const asked = dryRun
      ? undefined
      : await changedByService(invocation, 'remove extensions', { method: 'Remove', body: [args] });
    if (asked !== undefined) return asked;
    const { remove } = await import('../../agent/remove.ts');
    showChange(invocation, await remove(await agentFor(options, signal), args, { dryRun, signal }));
    return exitCodes.ok;
  },
};
