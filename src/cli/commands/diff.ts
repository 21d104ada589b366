import type { ExtensionDifference } from '../../agent/diff.ts';
import type { InstalledExtension } from '../../agent/records.ts';
import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor } from '../invoker.ts';
import { show } from '../output.ts';
import { operationNumber } from './history.ts';

export const diffCommand: CommandSpec = {
  name: 'diff',
  arguments: '<a> <b>',
  summary: 'show how the set of extensions after one operation differs from that after another',
  description: 'A and B are numbers that `history` shows.',
  options: [
    { flags: '--files', description: 'show the paths that differ, where the images were kept' },
    common.root,
    common.json,
  ],
  examples: [
    ['sysext-agent diff 3 7', 'what was added, removed, changed between them'],
    ['sysext-agent diff --files 3 7', 'and which files'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { diffGenerations } = await import('../../agent/diff.ts');
    const [a = '', b = ''] = args;
    const agent = await agentFor(options);
    const files = options.flag('files');
    const differences = await diffGenerations(agent, operationNumber(a), operationNumber(b), { files });
    show(invocation, { differences: differences.map(differenceJson) }, () =>
      differences.length === 0
        ? ['The sets are the same.']
        : differences.flatMap((difference) => differenceLines(difference, files)),
    );
    return exitCodes.ok;
  },
};

function differenceJson({ name, change, from, to, files }: ExtensionDifference): object {
  return { name, change, from: imageJson(from), to: imageJson(to), files: files ?? null };
}

function imageJson(extension: InstalledExtension | undefined): object | null {
  if (extension === undefined) return null;
  const { version, sha256, size, source } = extension;
  return { version: version === '' ? null : version, sha256, size, source };
}

function differenceLines({ name, change, from, to, files }: ExtensionDifference, wanted: boolean): string[] {
  const signs = { added: '+', removed: '-', changed: '~' } as const;
  const images = [from, to].flatMap((image) => (image === undefined ? [] : [titleOf(image)]));
  return [
    `${signs[change]} ${name} ${images.join(' -> ')}`,
    ...(wanted && files === undefined ? ['    its files are not known: an image of it was not kept'] : []),
    ...(files?.removed ?? []).map((path) => `    - /${path}`),
    ...(files?.added ?? []).map((path) => `    + /${path}`),
    ...(files?.changed ?? []).map((path) => `    ~ /${path}`),
  ];
}

function titleOf({ version, sha256 }: InstalledExtension): string {
  return `${version} (sha256 ${sha256.slice(0, 12)})`.trim();
}
