import type { AllowedRecord } from '../../agent/allowed.ts';
import type { OperationAccount } from '../../agent/past.ts';
import { operationTitle, type InstalledExtension, type OperationRecord, type StepRecord } from '../../agent/records.ts';
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
    { flags: '-n, --limit <count>', description: 'show that many of the latest operations (20)' },
    common.noLegend,
    common.noPager,
  ],
  examples: [
    ['sysext-agent history', 'the latest operations'],
    ['sysext-agent history 7', 'all that is known of operation 7: steps, set, reason'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { accountOf, latestOperations } = await import('../../agent/past.ts');
    const agent = await agentFor(options);
    const [number] = args;
    if (number !== undefined) {
      const account = accountOf(agent, operationNumber(number));
      const { allowedText } = await import('../../agent/allowed.ts');
      show(invocation, { operation: accountJson(account) }, () => accountLines(account, allowedText));
      return exitCodes.ok;
    }
    const records = latestOperations(agent, limitOf(options.text('limit')));
    show(invocation, { operations: records.map(recordJson) }, () =>
      records.length === 0 ? ['Nothing was done yet.'] : historyLines(records, options.flag('legend')),
    );
    return exitCodes.ok;
  },
};

/** The number of an operation, as the history shows it. */
export function operationNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new AgentError('usage', `${text} is not the number of an operation`, {
    next: '`sysext-agent history` shows the numbers.',
  });
}

function limitOf(text = '20'): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new AgentError('usage', `--limit takes a count from 1 on, not ${text}`);
}

function recordJson(record: OperationRecord): object {
  return {
    ...record,
    class: record.class ?? 'sysext',
    startedAt: record.startedAt.toISOString(),
    reason: record.reason ?? null,
    state: record.state ?? null,
    confirmedAt: record.confirmedAt?.toISOString() ?? null,
    durationMs: record.durationMs ?? null,
    error: record.error ?? null,
  };
}

function accountJson({ operation, steps, set, parent }: OperationAccount): object {
  return {
    ...recordJson(operation),
    parent: parent ?? null,
    steps: steps.map((step) => ({
      ...step,
      said: step.said ?? [],
      startedAt: step.startedAt?.toISOString() ?? null,
      durationMs: step.durationMs ?? null,
    })),
    set: set.map(installedJson),
  };
}

function installedJson({ installedAt, health = [], published, ...extension }: InstalledExtension): object {
  const { name, version, sha256, size, kind, source, allowed } = extension;
  const at = installedAt.toISOString();
  return { name, version, sha256, size, kind, source, installedAt: at, allowed, health, published: published ?? null };
}

function historyLines(records: readonly OperationRecord[], legend: boolean): string[] {
  const rows = records.map((record) => [
    String(record.id),
    formatTime(record.startedAt),
    who(record),
    operationTitle(record),
    record.extensions.map(({ name, version }) => [name, version].join(' ').trim()).join(', ') || '-',
    record.result,
    record.state ?? '-',
    duration(record),
  ]);
  const headings = ['NO', 'TIME', 'UID', 'WHAT', 'EXTENSIONS', 'RESULT', 'GENERATION', 'TOOK'];
  return tableLines({ headings, rows }, legend);
}

function accountLines(
  { operation: record, steps, set, parent }: OperationAccount,
  allowedText: (allowed: AllowedRecord) => string,
): string[] {
  const after = parent === undefined ? '' : `, after ${parent}`;
  const facts: readonly (readonly [string, string])[] = [
    ['Operation:', `${record.id} (${operationTitle(record)})`],
    ['Time:', formatTime(record.startedAt)],
    ['By:', `uid ${who(record)}: ${record.actor.command}`],
    ...(record.reason === undefined ? [] : [['Reason:', record.reason] as const]),
    ['Result:', `${record.result}, after ${duration(record)}`],
    ['Generation:', record.state === undefined ? 'the one before' : `${record.state}${after}`],
    ...(record.confirmedAt === undefined
      ? []
      : [['Confirmed:', `a boot came up well on ${formatTime(record.confirmedAt)}`] as const]),
    ['System:', `${record.os}, systemd ${record.systemd}`],
    ['Merged:', record.merged.join(', ') || 'nothing'],
    ...(record.error === undefined ? [] : [['Error:', record.error] as const]),
    ...record.extensions.flatMap(({ name, version, change, sha256, source, allowed }) => [
      [`${change}:`, [name, version].join(' ').trim()] as const,
      ['', `sha256 ${sha256}`] as const,
      ['', `from ${source}`] as const,
      ...allowed.map((one) => ['', `allowed: ${allowedText(one)}`] as const),
    ]),
    ...listed('Steps:', steps.flatMap(stepLines)),
    ...listed(
      'Set:',
      set.map(({ name, version, sha256 }) => `${[name, version].join(' ').trim()} (sha256 ${sha256.slice(0, 12)})`),
    ),
  ];
  return facts.map(([label, value]) => `${label.padEnd(12)}${value}`);
}

/** Lines of which the first has the label. */
function listed(label: string, lines: readonly string[]): (readonly [string, string])[] {
  return lines.map((line, index) => [index === 0 ? label : '', line]);
}

function stepLines({ description, reason, durationMs, said = [] }: StepRecord): string[] {
  const took = durationMs === undefined ? 'not reached' : `${durationMs} ms`;
  return [`${description}, since ${reason}: ${took}`, ...said.map((line) => `  ${line}`)];
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
