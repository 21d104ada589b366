import type { Migrated } from '../../agent/sysupdate/transfer.ts';
import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { rootOf } from '../invoker.ts';
import { show } from '../output.ts';

export const migrateCommand: CommandSpec = {
  name: 'migrate',
  summary: 'make drop-ins of extensions.d of what systemd-sysupdate has for extensions',
  description:
    'Reads the transfer files and features of sysupdate.d and of all components. Nothing is changed but what --output names; the files of systemd-sysupdate stay: remove them, or disable its timer, so that not both are at work.',
  options: [
    { flags: '--output <dir>', description: 'write the drop-ins there, rather than print them' },
    common.root,
    common.json,
  ],
  examples: [
    ['sysext-agent migrate', 'look at what would come of it'],
    ['sysext-agent migrate --output=/etc/sysext-agent/extensions.d', 'write it where the agent reads it'],
  ],
  run: async (invocation) => {
    const { options, terminal } = invocation;
    const { migrateSysupdate, writeDropIns } = await import('../../agent/sysupdate/migrate.ts');
    const results = migrateSysupdate(rootOf(options));
    const output = options.text('output');
    const written = output === undefined ? [] : writeDropIns(output, results);
    show(invocation, { files: results, written }, () => (output === undefined ? texts(results) : written.map(wrote)));
    for (const note of notesOf(results)) terminal.note(note);
    return exitCodes.ok;
  },
};

function wrote(path: string): string {
  return `Wrote ${path}`;
}

function texts(results: readonly Migrated[]): string[] {
  const found = results.flatMap((result) => (result.kind === 'drop-in' ? [result.text.trimEnd()] : []));
  return found.length === 0
    ? ['# systemd-sysupdate has no extensions here']
    : found.flatMap((text) => [text, '---']).slice(0, -1);
}

function notesOf(results: readonly Migrated[]): readonly string[] {
  return results.flatMap((result) =>
    result.kind === 'left-out'
      ? [`note: ${result.path} was left out: ${result.why}`]
      : result.notes.map((note) => `note: ${result.name}: ${note}`),
  );
}
