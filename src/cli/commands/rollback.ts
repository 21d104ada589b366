import { exitCodes } from '../../core/errors.ts';
import { showChange } from '../change-output.ts';
import { changeOptions, type CommandSpec } from '../command.ts';
import { changedByService } from '../by-service.ts';
import { agentFor } from '../invoker.ts';
import { operationNumber } from './history.ts';

export const rollbackCommand: CommandSpec = {
  name: 'rollback',
  arguments: '[number]',
  summary: 'put an earlier set of extensions in force again',
  description:
    'NUMBER is that of an operation in `history`: the set that it led to. Without it, the set before the present one. Images that are needed for it were kept; nothing is fetched.',
  options: changeOptions,
  examples: [
    ['sysext-agent rollback', 'the set before the present one'],
    ['sysext-agent rollback 7', 'the set that operation 7 led to'],
  ],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const [number] = args;
    const dryRun = options.flag('dryRun');
    const target = number === undefined ? undefined : operationNumber(number);
    const asked = dryRun
      ? undefined
      : await changedByService(invocation, 'roll back', { method: 'Rollback', body: [target ?? 0] });
    if (asked !== undefined) return asked;
    const { rollback } = await import('../../agent/rollback.ts');
    showChange(invocation, await rollback(await agentFor(options, signal), target, { dryRun, signal }));
    return exitCodes.ok;
  },
};
