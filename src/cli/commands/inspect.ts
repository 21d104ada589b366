import type { Candidate } from '../../agent/candidate.ts';
import { exitCodes } from '../../core/errors.ts';
import type { ManifestPackage } from '../../core/sbom.ts';
import type { ImageEntry, ImageFacts } from '../../systemd/image.ts';
import { ofThisHost } from '../../core/verified-image.ts';
import { common, type CommandSpec } from '../command.ts';
import { findingLines, findingsJson } from '../finding-output.ts';
import { judge } from '../fit.ts';
import { formatSize, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';

export const inspectCommand: CommandSpec = {
  name: 'inspect',
  arguments: '<image>',
  summary: 'show what is in an image, without mounting it',
  description:
    'Takes erofs, squashfs and ext4, alone or in a partition of a disk image, and directories. Needs no root for these.',
  options: [
    { flags: '--files', description: 'list every file with its mode, owner and size' },
    { flags: '--os-release <file>', description: 'say whether it fits the system that this file describes' },
    { flags: '--name <name>', description: 'the name the extension is to have' },
    common.root,
    common.json,
  ],
  examples: [
    ['sysext-agent inspect jq.raw', 'name, format, digest, packages, extension-release, whether it fits'],
    ['sysext-agent inspect --files jq.raw', 'and every file'],
  ],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const [path = ''] = args;
    const { readCandidate } = await import('../../agent/candidate.ts');
    const { digestOf } = await import('../../agent/store.ts');
    const { readManifest } = await import('../../systemd/manifest.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const name = options.text('name');
    const request = { ...ofThisHost(path), source: path, ...(name === undefined ? {} : { name }) };
    const candidate = await readCandidate(request, version, agent.exec);
    const packages = await readManifest(path, agent.exec, signal);
    const entries = options.flag('files') ? candidate.entries : undefined;
    const { fits, why, judgement } = await judge(agent, candidate, options.text('osRelease'));
    const digest = digestOf(path);
    const value = {
      ...identityOf(candidate, digest),
      fits,
      why,
      findings: findingsJson(judgement),
      packages: packages ?? null,
    };
    show(invocation, { ...value, ...(entries === undefined ? {} : { files: entries }) }, () => [
      ...identityLines(candidate, digest),
      `Fits:       ${fits ? 'yes' : 'no'}: ${why}`,
      ...findingLines(judgement),
      ...packageLines(packages),
      ...(entries === undefined ? [] : fileLines(entries)),
    ]);
    return exitCodes.ok;
  },
};

interface Digest {
  readonly sha256: string;
  readonly size: number;
}

function identityOf(candidate: Candidate, { sha256, size }: Digest): object {
  const { format, hierarchies, partitions } = candidate.facts;
  return {
    name: candidate.name,
    version: candidate.version === '' ? null : candidate.version,
    format,
    ...(partitions === undefined ? {} : { partitions }),
    size,
    sha256,
    hierarchies,
    release: candidate.release?.fields ?? null,
  };
}

function identityLines(candidate: Candidate, { sha256, size }: Digest): string[] {
  const { facts, name, version, release } = candidate;
  return [
    `Name:       ${name}`,
    `Version:    ${version === '' ? '-' : version}`,
    `Format:     ${formatOf(facts)}, ${formatSize(size)}`,
    ...(facts.partitions ?? []).map(partitionLine),
    `Sha256:     ${sha256}`,
    `Extends:    ${facts.hierarchies.map((hierarchy) => `/${hierarchy}`).join(' ') || 'nothing'}`,
    'Release:',
    ...(release?.text.trimEnd().split('\n') ?? ['none for this name']).map((line) => `  ${line}`),
  ];
}

function formatOf({ format, partitions }: ImageFacts): string {
  if (partitions === undefined) return format;
  return format === 'disk' ? 'gpt' : `gpt, ${format} in it`;
}

function partitionLine({ type, label, size }: NonNullable<ImageFacts['partitions']>[number]): string {
  return `Partition:  ${type}, ${formatSize(size)}${label === '' ? '' : `, "${label}"`}`;
}

function packageLines(packages: readonly ManifestPackage[] | undefined): string[] {
  if (packages === undefined) return ['Packages:   unknown, it carries no list of them'];
  if (packages.length === 0) return ['Packages:   none'];
  const rows = packages.map(({ name, version, architecture = '-', source = name }) => [
    `  ${name}`,
    version,
    architecture,
    source,
  ]);
  return tableLines({ headings: ['Packages:', 'VERSION', 'ARCHITECTURE', 'SOURCE'], rows }, true);
}

const kindLetters: Readonly<Record<ImageEntry['kind'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  socket: 's',
};

function fileLines(entries: readonly ImageEntry[]): string[] {
  const rows = entries.map(({ kind, mode, uid, gid, size, path, target }) => [
    `${kindLetters[kind]}${mode.toString(8).padStart(4, '0')}`,
    `${uid}:${gid}`,
    String(size),
    target === undefined ? `/${path}` : `/${path} -> ${target}`,
  ]);
  return tableLines({ headings: ['MODE', 'OWNER', 'SIZE', 'PATH'], rows }, true);
}
