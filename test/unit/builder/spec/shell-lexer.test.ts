import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { expandWord } from '../../../../src/builder/spec/shell-lexer.ts';

const values: Readonly<Record<string, string>> = {
  A: 'a',
  EMPTY: '',
  PATH: '/usr/lib/x.tar.gz',
  LINES: 'one\ntwo',
  B: 'a$A"b',
};

function expanded(text: string): string {
  const expansion = expandWord(text, (name) => values[name]);
  return expansion.ok ? expansion.text : `! ${expansion.problem}`;
}

describe('texts are expanded as words of a Dockerfile are', () => {
  test.each([
    ['plain', 'plain'],
    ['$A', 'a'],
    ['${A}', 'a'],
    ['x$A.y', 'xa.y'],
    ['$A_', '$A_'],
    ['${A}_$A', 'a_a'],
    ['$', '$'],
    ['a $ b', 'a $ b'],
    ['$.', '$.'],
    ['$B', 'a$A"b'],
  ])('variables: %s is %s', (text, result) => {
    expect(expanded(text)).toBe(result);
  });

  test.each([
    ["'a b'", 'a b'],
    ['"a b"', 'a b'],
    ['\\d', 'd'],
    ['\\$A', '$A'],
    ['\\\\', '\\'],
    ['a\\', 'a'],
    ["'$A \\n'", '$A \\n'],
    ['"$A"', 'a'],
    ['"\\$A \\" \\\\ \\d"', '$A " \\ \\d'],
    ['"it\'s"', "it's"],
    ["'a\"b'", 'a"b'],
    ['a"b"c\'d\'', 'abcd'],
  ])('quotes and backslashes: %s is %s', (text, result) => {
    expect(expanded(text)).toBe(result);
  });

  test.each([
    ['${A:-x}', 'a'],
    ['${A-x}', 'a'],
    ['${EMPTY:-x}', 'x'],
    ['${EMPTY-x}', ''],
    ['${A:+x}', 'x'],
    ['${A+x}', 'x'],
    ['${EMPTY:+x}', ''],
    ['${EMPTY+x}', 'x'],
    ['${A:?x}', 'a'],
    ['${A?x}', 'a'],
    ['${EMPTY?x}', ''],
    ['${EMPTY:-$A}', 'a'],
    ['${EMPTY:-${EMPTY:-"b c"}}', 'b c'],
    ['${EMPTY:-}', ''],
    ['${EMPTY:-a\\}b}', 'a}b'],
  ])('values for what is empty: %s is %s', (text, result) => {
    expect(expanded(text)).toBe(result);
  });

  test.each([
    ['${PATH#*/}', 'usr/lib/x.tar.gz'],
    ['${PATH##*/}', 'x.tar.gz'],
    ['${PATH%.*}', '/usr/lib/x.tar'],
    ['${PATH%%.*}', '/usr/lib/x'],
    ['${PATH#/usr}', '/lib/x.tar.gz'],
    ['${PATH#usr}', '/usr/lib/x.tar.gz'],
    ['${PATH%gz}', '/usr/lib/x.tar.'],
    ['${PATH%.??}', '/usr/lib/x.tar'],
    ['${PATH#$EMPTY}', '/usr/lib/x.tar.gz'],
    ['${PATH/\\//-}', '-usr/lib/x.tar.gz'],
    ['${PATH//\\//-}', '-usr-lib-x.tar.gz'],
    ['${PATH//./}', '/usr/lib/xtargz'],
    ['${PATH//[a]/x}', '/usr/lib/x.tar.gz'],
    ['${PATH/*b/B}', 'B/x.tar.gz'],
    ['${PATH/x*/$A}', '/usr/lib/a'],
    ['${PATH//nothing/x}', '/usr/lib/x.tar.gz'],
    ['${A//\\*/x}', 'a'],
    ['${A//?/$$}', '$$'],
    ['${LINES#*}', 'one\ntwo'],
    ['${LINES##*}', '\ntwo'],
    ['${LINES//o/0}', '0ne\ntw0'],
  ])('patterns: %s is %s', (text, result) => {
    expect(expanded(text)).toBe(result);
  });

  test.each([
    '$X',
    '${X}',
    '${X:-d}',
    '${X-d}',
    '${X:+d}',
    '${X?d}',
    '${X#p}',
    '${X##p}',
    '${X%%p}',
    '${X/p/r}',
    '${X//p/r}',
  ])('what has no value stays as it is written: %s', (text) => {
    expect(expandWord(text, () => undefined)).toEqual({ ok: true, text, unset: ['X'] });
  });

  test('a variable counts as used where it is only the default of another', () => {
    expect(expandWord('${A:-$X}', (name) => values[name])).toEqual({ ok: true, text: 'a', unset: ['X'] });
  });

  test.each([
    ["it's", 'unexpected end of statement while looking for matching single-quote'],
    ['"', 'unexpected end of statement while looking for matching double-quote'],
    ['${', "syntax error: missing '}'"],
    ['${A', 'unsupported modifier () in substitution'],
    ['${A:-', "syntax error: missing '}'"],
    ['${EMPTY:?no value}', 'EMPTY: no value'],
  ])('%s is refused', (text, problem) => {
    expect(expandWord(text, (name) => values[name])).toEqual({
      ok: false,
      problem: text === '${A' ? "syntax error: missing '}'" : problem,
    });
  });

  test('deep nesting and endless work are refused', () => {
    expect(expanded('${A:-'.repeat(200) + '}'.repeat(200))).toBe('! ${} is nested deeper than 50 levels');
    const long = 'ab'.repeat(20_000);
    const slow = expandWord(`\${V//${'*a'.repeat(2000)}*c/x}`, () => long);
    expect(slow).toEqual({ ok: false, problem: 'the build arguments of this spec take too much work to expand' });
  });
});

describe('laws of expansion', () => {
  test('text without $, quotes and backslashes stays what it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const plain = text.replace(/[$'"\\]/g, '');
        expect(expandWord(plain, () => 'x')).toEqual({ ok: true, text: plain, unset: [] });
      }),
    );
  });

  test('any text is expanded or refused, whatever the values are', () => {
    const piece = fc.constantFrom(
      '$',
      '{',
      '}',
      'A',
      ':',
      '-',
      '+',
      '?',
      '#',
      '%',
      '/',
      '*',
      '\\',
      '"',
      "'",
      ' ',
      '\n',
      'é',
      '😀',
    );
    const word = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(word, word, (text, value) => {
        const expansion = expandWord(text, (name) => (name === 'A' ? value : undefined));
        expect(expansion.ok ? typeof expansion.text : typeof expansion.problem).toBe('string');
      }),
      { numRuns: 3000 },
    );
  });

  test('single quotes keep everything but themselves', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const inner = text.replaceAll("'", '');
        expect(expandWord(`'${inner}'`, () => 'x')).toEqual({ ok: true, text: inner, unset: [] });
      }),
    );
  });

  test('a prefix and a suffix of literal text are taken away once', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z.]{0,8}$/), fc.stringMatching(/^[a-z.]{1,8}$/), (rest, cut) => {
        expect(expandWord(`\${V#${cut}}`, () => cut + rest)).toMatchObject({ text: rest });
        expect(expandWord(`\${V%${cut}}`, () => rest + cut)).toMatchObject({ text: rest });
        expect(expandWord(`\${V//${cut}/X}`, () => rest + cut)).toMatchObject({
          text: (rest + cut).replaceAll(cut, 'X'),
        });
      }),
    );
  });
});
