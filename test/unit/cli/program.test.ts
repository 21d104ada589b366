import { describe, expect, test } from 'vitest';

import type { CommandSpec } from '../../../src/cli/command.ts';
import { leftError } from '../../../src/cli/left-error.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { AgentError, exitCodes } from '../../../src/core/errors.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const idle = new AbortController().signal;

function command(run: CommandSpec['run'] = async () => Promise.resolve(exitCodes.ok)): CommandSpec {
  return {
    name: 'do',
    arguments: '<thing...>',
    summary: 'do something',
    options: [
      { flags: '--root <dir>', description: 'there' },
      { flags: '--json [mode]', description: 'as JSON' },
      { flags: '--arg <value>', description: 'again and again', repeatable: true },
    ],
    examples: [['sysext-agent do it', 'does it']],
    run,
  };
}

async function run(spec: CommandSpec, ...argv: string[]) {
  return runLeaving(undefined, spec, ...argv);
}

async function runLeaving(errorFile: string | undefined, spec: CommandSpec, ...argv: string[]) {
  const [printed, noted]: [string[], string[]] = [[], []];
  const terminal: Terminal = {
    print: (line) => void printed.push(line),
    note: (line) => void noted.push(line),
    draw: () => undefined,
    isResultTerminal: false,
    isNoteTerminal: false,
    columns: 80,
  };
  const exitCode = await runProgram([spec], argv, terminal, idle, { version: '1.2.3', errorFile });
  return { exitCode, printed: printed.join('\n'), noted: noted.join('\n') };
}

test('arguments and options reach the command, and its exit code comes back', async () => {
  const spec = command(async ({ args, options }) => {
    expect(args).toEqual(['a', 'b']);
    expect([options.text('root'), options.list('arg')]).toEqual(['/r', ['x', 'y']]);
    return Promise.resolve(exitCodes.notMerged);
  });

  expect((await run(spec, 'do', 'a', 'b', '--root=/r', '--arg', 'x', '--arg=y')).exitCode).toBe(3);
});

test('a plain --json does not take the next argument for its mode', async () => {
  const seen: (string | undefined)[] = [];
  const spec = command(async ({ args, options }) => {
    seen.push(options.text('json'), ...args);
    return Promise.resolve(exitCodes.ok);
  });

  await run(spec, 'do', '--json', 'x.yml');
  await run(spec, 'do', '--json=short', 'x.yml');

  expect(seen).toEqual(['auto', 'x.yml', 'short', 'x.yml']);
});

describe('help', () => {
  test('of a command has its options and examples', async () => {
    const { exitCode, printed } = await run(command(), 'do', '--help');

    expect(exitCode).toBe(0);
    expect(printed).toContain('--root <dir>');
    expect(printed).toContain('sysext-agent do it  does it');
  });

  test('and version go to standard output', async () => {
    expect((await run(command(), '--help')).printed).toContain('do something');
    expect((await run(command(), '--version')).printed).toBe('1.2.3');
  });
});

describe('wrong usage ends with 2', () => {
  test.each([
    ['an unknown command', ['redo'], "unknown command 'redo'"],
    ['an unknown option', ['do', 'it', '--rot'], '(Did you mean --root?)'],
    ['no argument', ['do'], "missing required argument 'thing'"],
  ])('%s', async (_title, argv, message) => {
    const { exitCode, noted } = await run(command(), ...argv);

    expect(exitCode).toBe(2);
    expect(noted).toContain(message);
  });
});

test('an error is told whole: message, facts, what is left, what to do', async () => {
  const error = new AgentError('incompatible', 'jq does not fit', {
    facts: ['field: ID'],
    left: 'Nothing was changed.',
    next: 'Build it.',
  });
  const spec = command(async () => Promise.reject(error));

  const { exitCode, noted } = await run(spec, 'do', 'it');

  expect(exitCode).toBe(5);
  expect(noted).toBe('sysext-agent: jq does not fit\n  field: ID\nNothing was changed.\nBuild it.');
});

test('an error is left as a file for the program that wants it so, and none where all went well', async () => {
  using work = temporaryDirectory();
  const failing = command(async () => Promise.reject(new AgentError('busy', 'another one is at work')));
  const mistaken = command(async () => Promise.reject(new TypeError('it is no function')));

  const ended = [
    await runLeaving(work.at('fine'), command(), 'do', 'it'),
    await runLeaving(work.at('failing'), failing, 'do', 'it'),
    await runLeaving(work.at('mistaken'), mistaken, 'do', 'it'),
    await runLeaving(work.at('nowhere/else'), failing, 'do', 'it'),
  ];

  expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 8, 1, 8]);
  expect(leftError(work.at('fine'))).toBeUndefined();
  expect(leftError(work.at('failing'))).toMatchObject({ code: 'busy', message: 'another one is at work' });
  expect(leftError(work.at('mistaken'))).toMatchObject({
    code: 'internal',
    message: 'this is a mistake of the program, please report it: TypeError: it is no function',
  });
  expect(ended.at(-1)?.noted).toBe('sysext-agent: another one is at work');
});

test('a command of two words is found in its group, and its help says so', async () => {
  const spec = { ...command(), name: 'config do', examples: [['sysext-agent config do it', 'does it']] } as const;

  expect((await run(spec, 'config', 'do', 'a')).exitCode).toBe(exitCodes.ok);
  expect((await run(spec, 'config', 'dp', 'a')).noted).toContain("unknown command 'dp'\n(Did you mean do?)");
  expect((await run(spec, 'config')).exitCode).toBe(exitCodes.usage);
  expect((await run(spec, 'config', 'do', '--help')).printed).toContain(
    'Usage: sysext-agent config do [options] <thing...>',
  );
});
