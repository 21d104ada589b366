import { exitCodes } from '../../core/errors.ts';
import { showChange } from '../change-output.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';

export const applyCommand: CommandSpec = {
  name: 'apply',
  summary: 'bring the host to what is recorded, where something else has changed it',
  description:
    'Entries of ours that were lost come back, what is damaged goes out of sight, and what fits is merged. Where all is well nothing is done.',
  options: [common.root, common.dryRun, common.json, common.reason, common.wait, common.noWait],
  examples: [
    ['sysext-agent apply', 'repair what was changed by hand'],
    ['sysext-agent apply --dry-run', 'tell the steps only'],
  ],
  run: async (invocation) => {
    const { options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    if (!dryRun) requireRoot('apply');
    const { applyRecord } = await import('../../agent/converge.ts');
    showChange(invocation, await applyRecord(await agentFor(options, signal), { dryRun, signal }));
    return exitCodes.ok;
  },
};
