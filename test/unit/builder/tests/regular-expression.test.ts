import { describe, expect, test } from 'vitest';

import { compileExpression } from '../../../../src/builder/tests/regular-expression.ts';

function match(pattern: string, text: string) {
  const compiled = compileExpression(pattern);
  return compiled.ok ? compiled.matches(text) : compiled.problem;
}

describe('regular expressions of RE2', () => {
  test.each([
    ['b+', 'abbc', true],
    ['^b', 'ab', false],
    ['(?m)^b', 'a\nb', true],
    ['a.b', 'a\nb', false],
    ['(?s)a.b', 'a\nb', true],
    ['(?i)ABC', 'xabcx', true],
    ['(?i:a)b', 'AB', false],
    [String.raw`\Aa\z`, 'a', true],
    [String.raw`a\z`, 'a\n', false],
    ['(?P<name>x)(?<other>y)', 'xy', true],
    ['^[[:alpha:]][[:digit:]]$', 'a1', true],
    ['[^[:space:]]', ' \t', false],
    [String.raw`\p{Greek}\pN`, 'λ1', true],
    [String.raw`\Qa.b\E`, 'axb', false],
    [String.raw`(?U)a+`, 'a', true],
    ['(?m)^ID=(")?azurelinux(")?', 'NAME="Microsoft"\nID="azurelinux"\n', true],
    ['^.$', '🙂', true],
  ])('%s in %j: %s', (pattern, text, found) => {
    expect(match(pattern, text)).toBe(found);
  });

  test.each([
    ['(?=a)a', 'invalid or unsupported Perl syntax'],
    ['(?<!a)b', 'invalid named capture'],
    [String.raw`(a)\1`, 'invalid escape sequence'],
    ['a{1001}', 'invalid repeat count'],
    ['(', 'missing closing )'],
  ])('%s is refused: %s', (pattern, problem) => {
    expect(match(pattern, 'a')).toContain(problem);
  });

  test('a pattern that is too long is refused', () => {
    expect(match('a'.repeat(10_001), 'a')).toBe('it is longer than 10000 characters');
  });

  test.each(['(a*)*b', '(x+x+)+y', '^(([a-z])+.)+[A-Z]([a-z])+$'])('%s does not explode', (pattern) => {
    expect(match(pattern, 'x'.repeat(100_000))).toBe(false);
  });

  test('what takes too long is given up', () => {
    const compiled = compileExpression('(?s)(.{1,999})b\\b(.{1,999})', 50);

    const found = compiled.ok && compiled.matches('ab'.repeat(500_000) + 'c');

    expect(found).toBe('too-long');
  });
});
