import type { Finding } from '../../agent/doctor.ts';
import type { RebuildReport } from '../../agent/rebuild.ts';
import { exitCodes, type ExitCode } from '../../core/errors.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { show } from '../output.ts';

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'look at this host and at everything that is kept on it, and say what is wrong and what to do',
  description:
    'Looks at what the host must have: kernel, tools, mounts, space, clock, bus, units. Reads the whole history and every image of the store, and changes nothing. Exits with 0 where all is well, else with 1. With --rebuild a history that is damaged or lost begins anew, with what can be read of it and with the extensions that are in place; nothing that is merged changes.',
  options: [
    { flags: '--report', description: 'print all that a report of a mistake needs, in one text without secrets' },
    { flags: '--rebuild', description: 'begin a damaged or lost history anew; the old one is kept' },
    common.root,
    common.json,
    common.reason,
    common.wait,
  ],
  examples: [
    ['sysext-agent doctor', 'a line for each check'],
    ['sysext-agent doctor --report >report.txt', 'for whoever is to help'],
    ['sysext-agent doctor --rebuild', 'mend the history'],
  ],
  run: (invocation) => (invocation.options.flag('rebuild') ? rebuild(invocation) : examine(invocation)),
};

async function examine(invocation: Invocation): Promise<ExitCode> {
  const doctor = await import('../../agent/doctor.ts');
  const agent = await agentFor(invocation.options);
  const findings = await doctor.examine(agent);
  const exitCode = findings.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.failed;
  if (invocation.options.flag('report')) {
    const { bugReport } = await import('../../agent/bug-report.ts');
    invocation.terminal.print(await bugReport(agent, findings));
    return exitCode;
  }
  const value = { checks: findings.map((finding) => ({ ...finding, next: finding.next ?? null })) };
  show(invocation, value, () => findings.flatMap(findingLines));
  return exitCode;
}

function findingLines({ check, ok, sentence, next }: Finding): string[] {
  const lines = [`${ok ? 'ok' : 'problem'}: ${check}: ${sentence}`];
  return next === undefined ? lines : [...lines, `  ${next}`];
}

async function rebuild(invocation: Invocation): Promise<ExitCode> {
  requireRoot('rebuild the history');
  const { rebuildHistory } = await import('../../agent/rebuild.ts');
  const report = await rebuildHistory(await agentFor(invocation.options));
  if (report === undefined) {
    show(invocation, { rebuilt: false }, () => ['The history is sound: nothing was changed.']);
    return exitCodes.ok;
  }
  const { why, kept, salvaged, extensions, lost } = report;
  const tables = salvaged.map((table) => ({ ...table, why: table.why ?? null }));
  const value = { rebuilt: true, why, kept: kept ?? null, salvaged: tables, extensions, lost };
  show(invocation, value, () => reportLines(report));
  return exitCodes.ok;
}

function reportLines({ why, kept, salvaged, extensions, lost }: RebuildReport): string[] {
  return [
    `The history was rebuilt, since it could not be used: ${why}`,
    kept === undefined ? 'There was no old one.' : `The old one is kept as ${kept}`,
    ...salvaged.map(
      ({ table, rows, why: gap }) =>
        `${table}: ${rows} rows could be read${gap === undefined ? '' : `, not all: ${gap}`}`,
    ),
    `In force: ${extensions.map(({ name, version }) => `${name} ${version}`.trim()).join(', ') || 'nothing'}`,
    ...lost.map((sentence) => `Lost: ${sentence}`),
    'What is merged was not changed.',
  ];
}
