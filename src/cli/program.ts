import { Command, CommanderError, Option } from 'commander';

import { AgentError, exitCodes, renderError, type ExitCode } from '../core/errors.ts';
import { Options, type CommandSpec } from './command.ts';
import { leaveError } from './left-error.ts';
import type { Terminal } from './terminal.ts';

const description = `Builds system extensions from Dalec specs and manages them on this host.`;

/** How every error begins that this program prints. */
const errorPrefix = 'sysext-agent: ';

/** How this program is run. */
export interface Run {
  readonly version: string;
  /** Where an error is left for the program that started this run, if it wants it. */
  readonly errorFile?: string | undefined;
}

/**
 * Runs the command line and returns the exit code; nothing is thrown.
 * @param argv the arguments after the program's name.
 */
export async function runProgram(
  commands: readonly CommandSpec[],
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
  { version, errorFile }: Run,
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
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const told = asAgentError(error, signal);
    terminal.note(`${errorPrefix}${renderError(told)}`);
    if (errorFile !== undefined) leaveError(told, errorFile);
    return told.exitCode;
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

function asAgentError(error: unknown, signal: AbortSignal): AgentError {
  if (error instanceof AgentError) return error;
  if (signal.aborted) return new AgentError('interrupted', 'interrupted');
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new AgentError('internal', `this is a mistake of the program, please report it: ${detail}`);
}
