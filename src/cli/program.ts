import { Command, CommanderError, Option } from 'commander';

import { AgentError, exitCodes, renderError, type ExitCode } from '../core/errors.ts';
import { Options, type CommandSpec } from './command.ts';
import { errorPrefix } from './said-error.ts';
import type { Terminal } from './terminal.ts';

const description = `Builds system extensions from Dalec specs and manages them on this host.`;

/**
 * Runs the command line and returns the exit code; nothing is thrown.
 * @param argv the arguments after the program's name.
 */
export async function runProgram(
  commands: readonly CommandSpec[],
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
  version: string,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('sysext-agent')
    .description(description)
    .version(version)
    .exitOverride()
    .showSuggestionAfterError();
  program.configureOutput({
    writeOut: (text) => {
      terminal.print(text.trimEnd());
    },
    writeErr: (text) => {
      terminal.note(text.trimEnd());
    },
    outputError: (text, write) => {
      write(text.replace(/^error: /, 'sysext-agent: '));
    },
  });
  for (const spec of commands) {
    groupOf(program, spec).addCommand(
      toCommander(spec, async (args, options) => {
        exitCode = await spec.run({ args, options, terminal, signal, commands });
      }).copyInheritedSettings(program),
    );
  }
  try {
    await program.parseAsync(argv.map(withJsonMode), { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, terminal, signal);
  }
}

/** Where a command belongs: `config cat` is one of the group `config`. */
function groupOf(program: Command, { name }: CommandSpec): Command {
  const [group, second] = name.split(' ');
  if (group === undefined || second === undefined) return program;
  const known = program.commands.find((command) => command.name() === group);
  if (known !== undefined) return known;
  const made = new Command(group).copyInheritedSettings(program).summary(groupSummaries[group] ?? '');
  program.addCommand(made);
  return made;
}

const groupSummaries: Readonly<Record<string, string>> = { config: 'show and check the configuration' };

/** A plain --json takes no value: what follows it is the next argument. */
function withJsonMode(argument: string): string {
  return argument === '--json' ? '--json=auto' : argument;
}

type Action = (args: readonly string[], options: Options) => Promise<void>;

function toCommander(spec: CommandSpec, action: Action): Command {
  const command = new Command(spec.name.split(' ').at(-1))
    .summary(spec.summary)
    .description(spec.description ?? capitalize(spec.summary));
  if (spec.arguments !== undefined) command.arguments(spec.arguments);
  for (const { flags, description: text, repeatable } of spec.options) {
    const option = new Option(flags, text);
    if (repeatable === true)
      option.argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value]);
    command.addOption(option);
  }
  const width = Math.max(...spec.examples.map(([example]) => example.length));
  const examples = spec.examples.map(([example, meaning]) => `  ${example.padEnd(width)}  ${meaning}`);
  command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`);
  return command.action(async () => {
    const values = command.opts();
    const given = Object.keys(values).filter((name) => command.getOptionValueSource(name) === 'cli');
    await action(command.args, new Options(values, given));
  });
}

function capitalize(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function report(error: unknown, terminal: Terminal, signal: AbortSignal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof AgentError) {
    terminal.note(`${errorPrefix}${renderError(error)}`);
    return error.exitCode;
  }
  if (signal.aborted) {
    terminal.note(`${errorPrefix}interrupted`);
    return exitCodes.interrupted;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.note(`${errorPrefix}this is a mistake of the program, please report it: ${detail}`);
  return exitCodes.failed;
}
