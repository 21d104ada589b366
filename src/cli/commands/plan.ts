import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor } from '../invoker.ts';
import { show } from '../output.ts';

export const planCommand: CommandSpec = {
  name: 'plan',
  summary: 'show what `apply` would do, and what becomes of every extension',
  options: [common.root, common.json],
  examples: [['sysext-agent plan', 'the steps with their reasons, then a verdict for every extension']],
  run: async (invocation) => {
    const { planOfRecord } = await import('../../agent/converge.ts');
    const report = await planOfRecord(await agentFor(invocation.options));
    const { steps, verdicts, warnings } = report;
    for (const warning of warnings) invocation.terminal.note(`note: ${warning}`);
    show(invocation, report, () => [
      ...(steps.length === 0 ? ['Nothing to do.'] : steps.map((step) => `${step.description}: ${step.reason}`)),
      ...verdicts.map(({ name, merged, reason }) => `${name}: ${merged ? 'merged' : 'not merged'}, ${reason}`),
    ]);
    return exitCodes.ok;
  },
};
