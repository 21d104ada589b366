import { holderNames, type Absence } from '../../core/absence.ts';
import { exitCodes } from '../../core/errors.ts';
import type { HierarchyStatus } from '../../systemd/sysext-output.ts';
import { common, type CommandSpec } from '../command.ts';
import { formatTime, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';
import { overviewJson } from './list.ts';

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'show what is merged, and name every extension that is not',
  description: 'Exits with 0 where every extension is merged, with 3 where one is not or nothing is merged.',
  options: [common.root, common.json, common.noLegend, common.noPager],
  examples: [
    ['sysext-agent status', 'the hierarchies, what is merged into them, and since when'],
    ['sysext-agent status --json=pretty', 'the same as JSON'],
  ],
  run: async (invocation) => {
    const { overview } = await import('../../agent/overview.ts');
    const { hierarchies, extensions, absence } = await overview(await agentFor(invocation.options));
    const left = extensions.filter((extension) => !extension.merged);
    const value = {
      hierarchies: hierarchies.map(hierarchyJson),
      extensions: extensions.map(overviewJson),
      unmergedFor: absence === undefined ? null : absenceJson(absence),
    };
    show(invocation, value, () => [
      ...hierarchyLines(hierarchies, invocation.options.flag('legend')),
      ...(absence === undefined ? [] : [absenceLine(absence)]),
      ...left.map(({ name, whyNot }) => `${name} is not merged: ${whyNot ?? ''}`),
    ]);
    const merged = hierarchies.some(({ since }) => since !== undefined);
    return merged && left.length === 0 ? exitCodes.ok : exitCodes.notMerged;
  },
};

function hierarchyJson({ hierarchy, extensions, since }: HierarchyStatus): object {
  return { hierarchy, extensions, since: since?.toISOString() ?? null };
}

function absenceJson({ since, holders }: Absence): object {
  const packageManagers = holders.map(({ manager, pid }) => ({ name: manager, process: pid }));
  return { since: since.toISOString(), packageManagers };
}

function absenceLine({ since, holders }: Absence): string {
  const time = formatTime(since);
  return holders.length === 0
    ? `Unmerged for a package manager since ${time}, which did not come to its end: run \`sysext-agent apply\``
    : `Unmerged since ${time} for ${holderNames(holders)}, until that has ended`;
}

/** As `systemd-sysext status` prints it: one extension a line. */
function hierarchyLines(hierarchies: readonly HierarchyStatus[], legend: boolean): string[] {
  const rows = hierarchies.flatMap(({ hierarchy, extensions, since }) => {
    const time = since === undefined ? '-' : formatTime(since);
    const [first = since === undefined ? 'none' : '-', ...others] = extensions;
    return [[hierarchy, first, time], ...others.map((name) => ['', name, ''])];
  });
  return tableLines({ headings: ['HIERARCHY', 'EXTENSIONS', 'SINCE'], rows }, legend);
}
