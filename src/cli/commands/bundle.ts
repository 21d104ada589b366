import { resolve } from 'node:path';

import type { ImageRequest } from '../../agent/candidate.ts';
import { AgentError, exitCodes, withLeft } from '../../core/errors.ts';
import { systemClock } from '../../host/clock.ts';
import { fileStatus } from '../../host/files.ts';
import { showChange } from '../change-output.ts';
import { changeOptions, common, type CommandSpec, type Invocation } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { formatSize, show } from '../output.ts';
import { terminalProgress } from '../progress.ts';

const exportCommand: CommandSpec = {
  name: 'bundle export',
  arguments: '<name...>',
  summary: 'write extensions that were fetched into a file, for hosts without a network: the last argument is the file',
  description:
    'The images go into it, and the manifests, lists and signatures that prove them, which the publishers are asked for again. ' +
    'The same extensions give the same bytes.',
  options: [common.root, common.json],
  examples: [['sysext-agent bundle export jq htop tools.bundle', 'both, in one file']],
  run: async (invocation) => {
    const { args } = invocation;
    const names = args.slice(0, -1);
    const file = resolve(args.at(-1) ?? '');
    if (names.length === 0) {
      throw new AgentError('usage', 'bundle export takes the names of extensions, and the file at the end');
    }
    const written = await write(invocation, names, file);
    const size = fileStatus(file)?.size ?? 0;
    const extensions = written.map(({ name, version, from, blob }) => ({ name, version, from, blob }));
    show(invocation, { file, size, extensions }, () => [
      `Wrote ${file} (${formatSize(size)})`,
      ...extensions.map(({ name, version, from }) => `  ${name} ${version} from ${from}`),
    ]);
    return exitCodes.ok;
  },
};

async function write({ options, signal, terminal }: Invocation, names: readonly string[], file: string) {
  const { exportBundle } = await import('../bundle-export.ts');
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  try {
    return await exportBundle(await agentFor(options, signal), names, file, progress);
  } finally {
    progress.finish();
  }
}

const importCommand: CommandSpec = {
  name: 'bundle import',
  arguments: '<path>',
  summary: 'install the extensions of a file that `bundle export` wrote, verified as if they were fetched',
  description:
    'No network is needed. Who must have signed them is what the settings of this host say of the places they were published ' +
    'at. All of them are installed or, where anything fails, none. A later `upgrade` looks where they were published.',
  options: [
    {
      flags: '--sha256 <digest>',
      description: 'take what was asked for by this digest where it was exported, without a signature',
      repeatable: true,
    },
    { flags: '--allow-downgrade', description: 'take an older version than one that came from there before' },
    { flags: '--retry', description: 'try again what was rolled back' },
    common.allow,
    ...changeOptions,
  ],
  examples: [
    ['sysext-agent bundle import tools.bundle', 'verify and install all of it'],
    ['sysext-agent bundle import --dry-run tools.bundle', 'verify it, and tell the steps only'],
  ],
  run: async (invocation) => {
    const { options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    requireRoot('import extensions');
    const { install } = await import('../../agent/install.ts');
    try {
      const requests = await requestsIn(invocation);
      const agent = await agentFor(options, signal);
      showChange(invocation, await install(agent, requests, { dryRun, retry: options.flag('retry'), signal }));
      return exitCodes.ok;
    } catch (error) {
      throw withLeft(error, 'Nothing was changed.');
    }
  },
};

async function requestsIn({ args, options, signal, terminal }: Invocation): Promise<readonly ImageRequest[]> {
  const { importBundle } = await import('../bundle-import.ts');
  const { countingFailures } = await import('../../agent/verify-failures.ts');
  const { allowedByOption } = await import('../allowances.ts');
  const known = options.list('sha256');
  const wrong = known.find((digest) => !/^[0-9a-f]{64}$/.test(digest));
  if (wrong !== undefined) throw new AgentError('usage', '--sha256 takes 64 digits of 0-9 a-f');
  const allowDowngrade = options.flag('allowDowngrade');
  const allow = allowedByOption(options);
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  try {
    const agent = await agentFor(options, signal);
    const work = () => importBundle(agent, resolve(args[0] ?? ''), { known, allowDowngrade }, progress);
    return (await countingFailures(agent.root, work)).map((request) => ({ ...request, allow }));
  } finally {
    progress.finish();
  }
}

/** `bundle export` and `bundle import`. */
export const bundleCommands: readonly CommandSpec[] = [exportCommand, importCommand];
