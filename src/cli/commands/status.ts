import type { ExtensionOverview } from '../../agent/overview.ts';
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
    const { rolledBackText } = await import('../../agent/rolled-back.ts');
    const { hierarchies, extensions } = await overview(await agentFor(invocation.options));
    const left = extensions.filter((extension) => !extension.merged);
    show(invocation, { hierarchies: hierarchies.map(hierarchyJson), extensions: extensions.map(overviewJson) }, () => [
      ...hierarchyLines(hierarchies, invocation.options.flag('legend')),
      ...left.map(({ name, whyNot }) => `${name} is not merged: ${whyNot ?? ''}`),
      ...extensions
        .filter(isThere)
        .flatMap(({ name, rolledBack }) => rolledBack.map((image) => `${name} ${rolledBackText(image)}`)),
    ]);
    const merged = hierarchies.some(({ since }) => since !== undefined);
    return merged && !left.some(isThere) ? exitCodes.ok : exitCodes.notMerged;
  },
};

/** Whether there is anything of an extension but the memory of an image that was rolled back. */
function isThere({ merged, ours, path }: ExtensionOverview): boolean {
  return merged || ours || path !== undefined;
}

function hierarchyJson({ hierarchy, extensions, since }: HierarchyStatus): object {
  return { hierarchy, extensions, since: since?.toISOString() ?? null };
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
