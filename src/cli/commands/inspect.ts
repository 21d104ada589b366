import { exitCodes } from '../../core/errors.ts';
import type { ImageEntry } from '../../systemd/image.ts';
import { common, type CommandSpec } from '../command.ts';
import { formatSize, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';

export const inspectCommand: CommandSpec = {
  name: 'inspect',
  arguments: '<image>',
  summary: 'show what is in an image, without mounting it',
  options: [{ flags: '--files', description: 'list every file with its mode, owner and size' }, common.json],
  examples: [
    ['sysext-agent inspect jq.raw', 'name, format, digest, extension-release'],
    ['sysext-agent inspect --files jq.raw', 'and every file'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const [path = ''] = args;
    const { readCandidate } = await import('../../agent/candidate.ts');
    const { digestOf } = await import('../../agent/store.ts');
    const { listImage } = await import('../../systemd/image.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const candidate = await readCandidate({ path, source: path }, version, agent.exec);
    const { sha256, size } = digestOf(path);
    const { format, hierarchies } = candidate.facts;
    const entries = options.flag('files') ? await listImage(path, agent.exec) : undefined;
    const told = candidate.version === '' ? null : candidate.version;
    const identity = { name: candidate.name, version: told, format, size, sha256, hierarchies };
    const value = {
      ...identity,
      release: candidate.release?.fields ?? null,
      ...(entries === undefined ? {} : { files: entries }),
    };
    show(invocation, value, () => [
      `Name:       ${candidate.name}`,
      `Version:    ${candidate.version === '' ? '-' : candidate.version}`,
      `Format:     ${format}, ${formatSize(size)}`,
      `Sha256:     ${sha256}`,
      `Extends:    ${hierarchies.map((hierarchy) => `/${hierarchy}`).join(' ') || 'nothing'}`,
      'Release:',
      ...(candidate.release?.text.trimEnd().split('\n') ?? ['none for this name']).map((line) => `  ${line}`),
      ...(entries === undefined ? [] : fileLines(entries)),
    ]);
    return exitCodes.ok;
  },
};

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
