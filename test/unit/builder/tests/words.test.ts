import { describe, expect, test } from 'vitest';

import { splitWords } from '../../../../src/builder/tests/words.ts';

describe('words of a command', () => {
  test.each([
    ['a b', ['a', 'b']],
    [' \t a\n\r b ', ['a', 'b']],
    ["/usr/bin/env bash -c 'cat /foo'", ['/usr/bin/env', 'bash', '-c', 'cat /foo']],
    ['test "$(readlink /a)" = "b c"', ['test', '$(readlink /a)', '=', 'b c']],
    ['bash -c \'test "$(id)" = "x"\'', ['bash', '-c', 'test "$(id)" = "x"']],
    [String.raw`a\ b \"c "d\e\"" 'f\g'`, ['a b', '"c', 'de"', String.raw`f\g`]],
    [`a '' "" b''c`, ['a', '', '', 'bc']],
    ['a # b\nc', ['a', 'c']],
    ['a#b c', ['a#b', 'c']],
    ['a|b >c; $HOME *', ['a|b', '>c;', '$HOME', '*']],
    ['a\u00a0b', ['a\u00a0b']],
    ['🙂 b', ['🙂', 'b']],
  ])('%j are %j', (command, words) => {
    expect(splitWords(command)).toEqual({ ok: true, words });
  });

  test.each([
    ['', 'it has no word'],
    ['  \n', 'it has no word'],
    ['# only a comment', 'it has no word'],
    ["a 'b", 'a quote is not closed'],
    ['a "b', 'a quote is not closed'],
    [String.raw`a "b\"`, 'a quote is not closed'],
    ['a \\', 'it ends after a backslash'],
  ])('%j are none: %s', (command, problem) => {
    expect(splitWords(command)).toEqual({ ok: false, problem });
  });
});
