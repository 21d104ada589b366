import { exitCodes } from '../../core/errors.ts';
import { fileStatus } from '../../host/files.ts';
import { placeOf, type Position } from '../../core/problems.ts';
import type { ConfigurationValue } from '../configuration-values.ts';
import { common, type CommandSpec } from '../command.ts';
import { rootOf } from '../invoker.ts';
import { show, tableLines } from '../output.ts';
import { problemLines, summaryOf } from '../problem-output.ts';

const catCommand: CommandSpec = {
  name: 'config cat',
  summary: 'show the configuration that all files together make, and where each value is from',
  description:
    'Shows agent.yml and agent.d, the drop-ins of extensions.d and the build targets. What is wrong is told as well; `config check` tells more.',
  options: [common.root, common.json, common.noLegend, common.noPager],
  examples: [
    ['sysext-agent config cat', 'every value with its file and line'],
    ['sysext-agent config cat --json', 'the same for programs'],
  ],
  run: async (invocation) => {
    const { options } = invocation;
    const { filesBelow } = await import('../configuration-files.ts');
    const { settingsProblems } = await import('../configuration-check.ts');
    const { fleetValues, settingsValues, targetValues } = await import('../configuration-values.ts');
    const { fleetConfiguration } = await import('../../agent/fleet/configuration.ts');
    const { settings, fleet, targets } = filesBelow(rootOf(options));
    const { extensions, problems: ofFleet } = fleetConfiguration(fleet);
    const problems = [...settingsProblems(settings), ...ofFleet];
    const values = [...settingsValues(settings), ...extensions.flatMap(fleetValues), ...targetValues(targets)];
    for (const line of problemLines('problem', problems)) invocation.terminal.note(line);
    show(invocation, { values: values.map(valueJson), problems }, () => valueLines(values, options.flag('legend')));
    return exitCodes.ok;
  },
};

function valueJson({ key, value, from, instead }: ConfigurationValue): object {
  return {
    key,
    value,
    ...placeJson(from),
    instead: instead.map((other) => ({ value: other.value, ...placeJson(other.from) })),
  };
}

function placeJson({ file, line }: Position): object {
  return { file, line };
}

function valueLines(values: readonly ConfigurationValue[], legend: boolean): string[] {
  const rows = values.map(({ key, value, from, instead }) => [
    key,
    value === '' ? '-' : value,
    [placeOf(from), ...instead.map((other) => `instead of ${other.value} (${placeOf(other.from)})`)].join(', '),
  ]);
  return tableLines({ headings: ['KEY', 'VALUE', 'FROM'], rows }, legend);
}

const checkCommand: CommandSpec = {
  name: 'config check',
  arguments: '[path...]',
  summary: 'say everything that is wrong with the configuration, of this host or in a repository',
  description:
    'Without a PATH the configuration of this host, or of the one below --root, is checked as the agent reads it. A PATH is ' +
    'a file, a directory of drop-ins, or a directory such as /etc/sysext-agent; whoever owns it does not matter then. ' +
    'Specs that drop-ins name are looked at as by `lint`. Nothing is fetched. Exits with 1 where there are errors.',
  options: [common.root, common.json],
  examples: [
    ['sysext-agent config check', 'this host'],
    ['sysext-agent config check fleet/extensions.d', 'drop-ins in a repository, before they are rolled out'],
    ['sysext-agent config check --root=tree', 'the system below a directory'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { filesAt, filesBelow } = await import('../configuration-files.ts');
    const { checkConfiguration } = await import('../configuration-check.ts');
    const root = rootOf(options);
    const named = args.length > 0;
    const report = checkConfiguration(named ? filesAt(args, root) : filesBelow(root), {
      root,
      complete: !named && root === '/',
      partial: named && !args.some(isDirectory),
    });
    const { files, errors, warnings, notes } = report;
    const valid = errors.length === 0;
    show(invocation, { files, valid, errors, warnings, notes }, () => [
      ...problemLines('error', errors),
      ...problemLines('warning', warnings),
      ...problemLines('note', notes),
      summaryOf(`${files.length} file${files.length === 1 ? '' : 's'}`, report),
    ]);
    return valid ? exitCodes.ok : exitCodes.failed;
  },
};

function isDirectory(path: string): boolean {
  return fileStatus(path)?.isDirectory() === true;
}

/** `config cat` and `config check`. */
export const configCommands: readonly CommandSpec[] = [catCommand, checkCommand];
