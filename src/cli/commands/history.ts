import type { AllowedRecord } from '../../agent/allowed.ts';
import type { OperationRecord } from '../../agent/history.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { formatTime, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';

export const historyCommand: CommandSpec = {
  name: 'history',
  arguments: '[number]',
  summary: 'show what was installed, removed and merged, when and by whom',
  options: [
    common.root,
    common.json,
    { flags: '--limit <count>', description: 'show that many of the latest operations (20)' },
    common.noLegend,
    common.noPager,
  ],
  examples: [
    ['sysext-agent history', 'the latest operations'],
    ['sysext-agent history 7', 'all that is known of operation 7'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { latestOperations } = await import('../../agent/installed.ts');
    const agent = await agentFor(options);
    const [number] = args;
    if (number !== undefined) {
      const record = latestOperations(agent, Number.MAX_SAFE_INTEGER).find(({ id }) => String(id) === number);
      if (record === undefined) throw new AgentError('usage', `the history has no operation ${number}`);
      const { allowedText } = await import('../../agent/allowed.ts');
      show(invocation, { operation: recordJson(record) }, () => recordLines(record, allowedText));
      return exitCodes.ok;
    }
    const records = latestOperations(agent, limitOf(options.text('limit')));
    show(invocation, { operations: records.map(recordJson) }, () =>
      records.length === 0 ? ['Nothing was done yet.'] : historyLines(records, options.flag('legend')),
    );
    return exitCodes.ok;
  },
};

function limitOf(text = '20'): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new AgentError('usage', `--limit takes a count from 1 on, not ${text}`);
}

function recordJson(record: OperationRecord): object {
  return {
    ...record,
    startedAt: record.startedAt.toISOString(),
    durationMs: record.durationMs ?? null,
    error: record.error ?? null,
  };
}

function historyLines(records: readonly OperationRecord[], legend: boolean): string[] {
  const rows = records.map((record) => [
    String(record.id),
    formatTime(record.startedAt),
    who(record),
    record.verb,
    record.extensions.map(({ name, version }) => [name, version].join(' ').trim()).join(', ') || '-',
    record.result,
    duration(record),
  ]);
  return tableLines({ headings: ['NO', 'TIME', 'UID', 'WHAT', 'EXTENSIONS', 'RESULT', 'TOOK'], rows }, legend);
}

function recordLines(record: OperationRecord, allowedText: (allowed: AllowedRecord) => string): string[] {
  const facts: readonly (readonly [string, string])[] = [
    ['Operation:', `${record.id} (${record.verb})`],
    ['Time:', formatTime(record.startedAt)],
    ['By:', `uid ${who(record)}: ${record.actor.command}`],
    ['Result:', `${record.result}, after ${duration(record)}`],
    ['System:', `${record.os}, systemd ${record.systemd}`],
    ['Merged:', record.merged.join(', ') || 'nothing'],
    ...(record.error === undefined ? [] : [['Error:', record.error] as const]),
    ...record.extensions.flatMap(({ name, version, change, sha256, source, allowed }) => [
      [`${change}:`, [name, version].join(' ').trim()] as const,
      ['', `sha256 ${sha256}`] as const,
      ['', `from ${source}`] as const,
      ...allowed.map((one) => ['', `allowed: ${allowedText(one)}`] as const),
    ]),
  ];
  return facts.map(([label, value]) => `${label.padEnd(12)}${value}`);
}

function who({ actor }: OperationRecord): string {
  return actor.loginUid === undefined || actor.loginUid === actor.uid
    ? String(actor.uid)
    : `${actor.uid} (login ${actor.loginUid})`;
}

function duration({ durationMs }: OperationRecord): string {
  if (durationMs === undefined) return '-';
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
