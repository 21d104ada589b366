import type { RetentionPolicy } from '../../agent/retention.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { changeOptions, type CommandSpec, type Options } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { formatSize, show } from '../output.ts';

export const gcCommand: CommandSpec = {
  name: 'gc',
  summary: 'remove images that no set of extensions needs that is to be kept',
  description:
    'The set in force, the one before it and the one that this boot began with are always kept. Every operation does the same with the usual limits.',
  options: [
    { flags: '--keep <count>', description: 'how many sets to keep, the present one counted (10)' },
    { flags: '--max-age <days>', description: 'how old a set may be that is kept, in days (90)' },
    { flags: '--max-size <MiB>', description: 'how much the images of all kept sets may take, in MiB (4096)' },
    ...changeOptions,
  ],
  examples: [
    ['sysext-agent gc', 'with the usual limits'],
    ['sysext-agent gc --keep=2', 'keep only what a rollback to the set before needs'],
  ],
  run: async (invocation) => {
    const { options } = invocation;
    const dryRun = options.flag('dryRun');
    if (!dryRun) requireRoot('remove images');
    const { gc } = await import('../../agent/gc.ts');
    const { removed, bytes, generations } = await gc(
      await agentFor(options, invocation.signal),
      limitsOf(options),
      dryRun,
    );
    show(invocation, { removed, bytes: bytes ?? null, generations }, () => [
      ...removed.map((sha256) => `${dryRun ? 'would remove' : 'Removed'} sha256 ${sha256}`),
      ...(bytes === undefined ? [] : [`Freed: ${formatSize(bytes)}`]),
      `Sets that can be rolled back to: ${generations.join(', ') || 'none'}`,
    ]);
    return exitCodes.ok;
  },
};

function limitsOf(options: Options): Partial<RetentionPolicy> {
  const generations = count(options, 'keep');
  const days = count(options, 'max-age', 'maxAge');
  const mebibytes = count(options, 'max-size', 'maxSize');
  return {
    ...(generations === undefined ? {} : { generations }),
    ...(days === undefined ? {} : { days }),
    ...(mebibytes === undefined ? {} : { bytes: mebibytes * 1024 ** 2 }),
  };
}

function count(options: Options, flag: string, name = flag): number | undefined {
  const text = options.text(name);
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new AgentError('usage', `--${flag} takes a whole number, not ${text}`);
}
