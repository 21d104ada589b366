import { exitCodes } from '../../core/errors.ts';
import { readText } from '../../host/files.ts';
import { buildArchitecture, buildArgOption, buildArguments, targetDirectories } from '../build-host.ts';
import { common, type CommandSpec } from '../command.ts';
import { rootOf } from '../invoker.ts';
import { show } from '../output.ts';
import { problemLines, summaryOf } from '../problem-output.ts';

export const lintCommand: CommandSpec = {
  name: 'lint',
  arguments: '<spec>',
  summary: 'say everything that is wrong with a Dalec spec',
  description:
    'Reads the spec and expands its build arguments; nothing is fetched. Notes are about what is right and cannot be ' +
    'built by this version. Exits with 1 where there are errors.',
  options: [
    { flags: '--target <name>', description: 'look at the spec as for this target (default: for all of them)' },
    buildArgOption,
    common.root,
    common.json,
  ],
  examples: [
    ['sysext-agent lint jq.yml', 'for all targets'],
    ['sysext-agent lint jq.yml --target=trixie --build-arg VERSION=1.7', 'as for one build'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { lintSpec } = await import('../../builder/spec/lint.ts');
    const { loadTargets } = await import('../../builder/targets/load.ts');
    const [file = ''] = args;
    const { errors, warnings, notes } = lintSpec({
      text: readText(file),
      file,
      target: options.text('target'),
      buildArguments: buildArguments(options),
      architecture: buildArchitecture(),
      targets: loadTargets(targetDirectories(rootOf(options))).map(({ name }) => name),
    });
    const valid = errors.length === 0;
    show(invocation, { file, valid, errors, warnings, notes }, () => [
      ...problemLines('error', errors),
      ...problemLines('warning', warnings),
      ...problemLines('note', notes),
      summaryOf(file, { errors, warnings, notes }),
    ]);
    return valid ? exitCodes.ok : exitCodes.failed;
  },
};
