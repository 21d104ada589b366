import type { Explanation, Origin } from '../../agent/explain.ts';
import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { show } from '../output.ts';
import { agentFor } from '../invoker.ts';
import { overviewJson } from './list.ts';

export const explainCommand: CommandSpec = {
  name: 'explain',
  arguments: '<name>',
  summary: 'say in one paragraph why an extension is merged or not',
  description:
    'Of any extension, also of those that something else put there. Exits with 0 where it is merged, with 3 where it is not, with 4 where there is none of that name.',
  options: [common.root, common.json],
  examples: [['sysext-agent explain jq', 'whether jq is merged, why, who installed it, what it clashes with']],
  run: async (invocation) => {
    const { args, options } = invocation;
    const [name = ''] = args;
    const { explain } = await import('../../agent/explain.ts');
    const { explanationText } = await import('../explanation.ts');
    const explanation = await explain(await agentFor(options), name);
    const text = explanationText(explanation);
    show(invocation, { ...explanationJson(explanation), text }, () => [text]);
    return explanation.extension.merged ? exitCodes.ok : exitCodes.notMerged;
  },
};

function explanationJson({ extension, merged, verdict, origin, conflicts, confext }: Explanation): object {
  return {
    class: extension.class ?? 'sysext',
    ...overviewJson(extension),
    hierarchies: merged.map(({ hierarchy, since }) => ({ hierarchy, since: since.toISOString() })),
    verdict: verdict?.outcome ?? null,
    origin: origin === undefined ? null : originJson(origin),
    conflicts: conflicts.map(({ other, wins, paths }) => ({ other, wins: wins ?? null, paths })),
    confext: confext === undefined ? null : explanationJson(confext),
  };
}

function originJson({ source, vouchedBy, at, operation }: Origin): object {
  return { source, vouchedBy: vouchedBy ?? null, installedAt: at.toISOString(), operation: operation?.id ?? null };
}
