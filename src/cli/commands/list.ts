import type { ExtensionOverview } from '../../agent/overview.ts';
import { ownerText, type Owner } from '../../agent/owner.ts';
import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { formatSize, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';

export const listCommand: CommandSpec = {
  name: 'list',
  summary: 'show every extension: version, size, and whether it is merged or why not',
  options: [common.root, common.json, common.noLegend, common.noPager],
  examples: [
    ['sysext-agent list', 'a table for people'],
    ['sysext-agent list --json', 'the same for programs'],
  ],
  run: async (invocation) => {
    const { overview } = await import('../../agent/overview.ts');
    const { extensions, confexts } = await overview(await agentFor(invocation.options));
    const all = [...extensions, ...confexts.extensions];
    const value = { extensions: extensions.map(overviewJson), confexts: confexts.extensions.map(overviewJson) };
    show(invocation, value, () =>
      all.length === 0 ? ['No extensions.'] : overviewLines(all, invocation.options.flag('legend')),
    );
    return exitCodes.ok;
  },
};

/** One extension as JSON: every field present, null where it has no value. */
export function overviewJson(extension: ExtensionOverview): object {
  const { name, version, size, merged, whyNot, path, ours, held, owner, allowed, rolledBack } = extension;
  return {
    name,
    version: version === '' ? null : version,
    size: size ?? null,
    merged,
    whyNot: whyNot ?? null,
    path: path ?? null,
    ours,
    held,
    owner: owner === undefined ? null : ownerJson(owner),
    allowed,
    rolledBack: rolledBack.map(({ version = '', sha256, since, reason }) => ({
      version: version === '' ? null : version,
      sha256,
      since: since.toISOString(),
      reason,
    })),
  };
}

function ownerJson(owner: Owner): object {
  return { kind: owner.kind, files: owner.kind === 'fleet' ? owner.files : [] };
}

/** With a column for the class where there are any but system extensions. */
function overviewLines(extensions: readonly ExtensionOverview[], legend: boolean): string[] {
  const mixed = extensions.some((extension) => extension.class !== undefined);
  const rows = extensions.map((extension) => [
    extension.name,
    ...(mixed ? [extension.class ?? 'sysext'] : []),
    extension.version === '' ? '-' : extension.version,
    formatSize(extension.size),
    putThereBy(extension),
    extension.owner === undefined ? '-' : ownerText(extension.owner),
    extension.merged ? 'yes' : `no: ${extension.whyNot ?? ''}`,
  ]);
  const headings = ['NAME', ...(mixed ? ['CLASS'] : []), 'VERSION', 'SIZE', 'FROM', 'OWNER', 'MERGED'];
  return tableLines({ headings, rows }, legend);
}

/** What was rolled back and is not there was put there by nobody. */
function putThereBy({ held, ours, merged, path }: ExtensionOverview): string {
  if (ours) return held ? 'agent, held' : 'agent';
  return merged || path !== undefined ? 'foreign' : '-';
}
