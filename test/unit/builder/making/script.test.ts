import { execFileSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { shellCommand, withinQuotes } from '../../../../src/builder/making/script.ts';

const position = { file: 's', line: 1, column: 1 };

function environment(values: Readonly<Record<string, string>>) {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, position }]));
}

/** What a real shell prints that runs it. */
function run(argv: readonly [string, ...string[]]): string {
  return execFileSync(argv[0], argv.slice(1), { env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8', stdio: 'pipe' });
}

function output(command: string, ...environments: readonly Readonly<Record<string, string>>[]): string {
  return run(shellCommand(command, { environments: environments.map(environment) }));
}

describe('the environment of a step', () => {
  test.each([
    ['plain', 'plain'],
    ['with "quotes" and \'others\'', 'with "quotes" and \'others\''],
    ['a\\b\\\\c', 'a\\b\\\\c'],
    ['$(touch /nowhere) `touch /nowhere`', '$(touch /nowhere) `touch /nowhere`'],
    ['two\nlines', 'two\nlines'],
    ['$PATH:/opt/bin', '/usr/bin:/bin:/opt/bin'],
    ['${PATH}x', '/usr/bin:/binx'],
    ['${PATH:-a} $1 $$ $', '${PATH:-a} $1 $$ $'],
    ['', ''],
  ])('has %j as %j', (value, expected) => {
    expect(output('printf %s "$V"', { V: value })).toBe(expected);
  });

  test('is exported in the order of names, that of the step after that of the build', () => {
    expect(output('printf %s "$A $B $C"', { B: '${A}b', A: 'a' }, { A: 'own', C: '$A$B' })).toBe('own ab ownab');
  });
});

describe('a command of a step', () => {
  test('ends at the first command that fails', () => {
    expect(() => output('echo one\nfalse\necho two')).toThrow('Command failed');
  });

  test('can be longer than an argument of a program may be', () => {
    const long = 'ä'.repeat(150_000);

    expect(output(`printf %s "${long}$V"`, { V: 'end' })).toBe(`${long}end`);
    expect(() => output(`: ${long}\nfalse\ntrue`)).toThrow('Command failed');
  });
});

test('nothing but a variable keeps its dollar', () => {
  expect(withinQuotes('$A ${A} $(A) $1 ${1} ${A+b} `A` "A" \\A')).toBe(
    '$A ${A} \\$(A) \\$1 \\${1} \\${A+b} \\`A\\` \\"A\\" \\\\A',
  );
});
