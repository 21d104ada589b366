import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { show } from '../output.ts';

export const confirmCommand: CommandSpec = {
  name: 'confirm',
  summary: 'confirm that this boot came up well with the extensions that it began with',
  description:
    'Run by sysext-agent-confirm.service when boot-complete.target is reached. Looks whether what is merged is what is recorded and makes the health checks. ' +
    'Three boots with a set that were not confirmed, and the next one goes back. Exits with 1 where it cannot be confirmed.',
  options: [common.json, common.wait, common.noWait],
  examples: [
    ['systemctl enable sysext-agent-confirm.service', 'the usual way: at every boot'],
    ['sysext-agent confirm', 'by hand, once what was wrong is mended'],
  ],
  run: async (invocation) => {
    requireRoot('confirm a boot');
    const { confirmBoot } = await import('../../agent/confirm.ts');
    const { generation, why } = await confirmBoot(await agentFor(invocation.options, invocation.signal));
    show(invocation, { generation: generation ?? null, why: why ?? null }, () => [
      generation === undefined
        ? `This boot is confirmed, no generation with it: ${why ?? ''}`
        : `Confirmed: this boot came up well with generation ${generation}`,
    ]);
    return exitCodes.ok;
  },
};
