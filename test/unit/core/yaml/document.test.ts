import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isAgentError, renderError } from '../../../../src/core/errors.ts';
import { renderProblem } from '../../../../src/core/problems.ts';
import { accept, boolean, integer, list, mapOf, string, type Decoder } from '../../../../src/core/yaml/decoder.ts';
import { decodeYaml, decodeYamlOrThrow } from '../../../../src/core/yaml/document.ts';
import { optional, struct } from '../../../../src/core/yaml/struct.ts';
import { decode } from './decode.ts';

const anything: Decoder<'fine'> = () => accept('fine');
const lists = mapOf(list(string));

describe('documents', () => {
  test.each(['', 'null', '# only a comment', '---', '  \n\t '])('%j is empty', (text) => {
    expect(decode(text, struct({ name: optional(string) }))).toEqual({ name: undefined });
  });

  test('may be JSON', () => {
    expect(decode('{"a": ["x", 1], "b": []}', lists)).toEqual(
      new Map([
        ['a', ['x', '1']],
        ['b', []],
      ]),
    );
  });

  test('may begin with white space, and positions are those of the file', () => {
    expect(decode('\uFEFF\n\n   a: x\nb: x\n', lists)).toEqual([
      'a.yml:3:7: a: expected a list such as ["x"], found the text "x"',
      'a.yml:4:4: b: expected a list such as ["x"], found the text "x"',
    ]);
  });

  test('may have tabs after plain text and carriage returns', () => {
    expect(decode('a: x\t\r\nb: y \r\n', mapOf(string))).toEqual(
      new Map([
        ['a', 'x'],
        ['b', 'y'],
      ]),
    );
  });

  test('have one problem for each thing that is wrong, in the order of the file, with their lines', () => {
    const decoded = decodeYaml('b: x\na: {c: d}\nb: [{}]\n', 'a.yml', lists);
    expect(decoded.ok ? [] : decoded.problems.map(renderProblem)).toEqual([
      'a.yml:1:4: b: expected a list such as ["x"], found the text "x"\n  1 | b: x\n         ^',
      'a.yml:2:4: a: expected a list, found a map\n  2 | a: {c: d}\n         ^',
      'a.yml:3:1: duplicate key "b"\n  3 | b: [{}]\n      ^',
      'a.yml:3:5: b[0]: expected text, found a map\n  3 | b: [{}]\n          ^',
    ]);
  });

  test('with several errors of syntax have them all', () => {
    expect(decode('a: b: c\nd: @e\n', lists)).toEqual([
      'a.yml:1:4: Nested mappings are not allowed in compact mappings',
      'a.yml:2:4: Plain value cannot start with reserved character @',
    ]);
  });

  test('are alone in their file', () => {
    expect(decode('a: []\n---\nb: []\n', lists)).toEqual(['a.yml:2:1: only one document is allowed in a file']);
  });

  test('have no control characters, which a terminal would obey', () => {
    const decoded = decodeYaml('a: \u001b[31mred\n', 'a.yml', mapOf(string));
    expect(decoded.ok ? [] : decoded.problems.map(renderProblem)).toEqual([
      'a.yml:1:4: the control character U+001B is not allowed\n  1 | a: \uFFFD[31mred\n         ^',
    ]);
  });

  test('have no tags that change what a value is', () => {
    expect(decode('a: !!str 010\nb: ! 010', mapOf(string))).toEqual(
      new Map([
        ['a', '010'],
        ['b', '010'],
      ]),
    );
    expect(decode('a: !foo x\nb: !!int 3\n', mapOf(string))).toEqual([
      'a.yml:1:9: the tag "!foo" is not supported: write the value without it',
      'a.yml:2:10: the tag "tag:yaml.org,2002:int" is not supported: write the value without it',
    ]);
  });

  test('have a limit of size', () => {
    expect(decode(`a: ${'x'.repeat(1024 * 1024)}`, anything)).toEqual([
      'a.yml:1:1: the file is too big: 1048579 characters, at most 1048576 are read',
    ]);
  });

  test.each(['[', '- ', '? ', '{a: '])('nested without end by %j are refused', (opening) => {
    const nested = decode(opening.repeat(50_000), anything);
    expect(nested).toHaveLength(1);
    expect(nested).toEqual([expect.stringMatching(/nested too deeply|nested deeper than 100 levels/)]);
  });

  test('nested deeper than anyone means are refused', () => {
    expect(decode(`${'['.repeat(150)}${']'.repeat(150)}`, anything)).toEqual([
      'a.yml:1:102: nested deeper than 100 levels',
    ]);
  });

  test('with more problems than anyone reads have the rest counted', () => {
    const problems = decode(`[${'{},'.repeat(5000)}]`, list(string));
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toBe('a.yml:1:3002: and 4000 more problems from here on');
  });
});

describe('aliases', () => {
  test('stand for what is anchored', () => {
    expect(decode('a: &x [1, &y two]\nb: *x\nc: [*y]\n*y : []', lists)).toEqual(
      new Map([
        ['a', ['1', 'two']],
        ['b', ['1', 'two']],
        ['c', ['two']],
        ['two', []],
      ]),
    );
  });

  test('have the place of their use, and what is inside of them its own', () => {
    expect(decode('x: &x {a: b}\ny: *x', mapOf(mapOf(integer)))).toEqual([
      'a.yml:1:11: x.a: expected a whole number, found the text "b"',
      'a.yml:1:11: y.a: expected a whole number, found the text "b"',
    ]);
    expect(decode('x: &x []\ny: [*x]', lists)).toEqual(['a.yml:2:5: y[0]: expected text, found a list']);
  });

  test('need an anchor before them, and not around them', () => {
    expect(decode('a: *x\nb: &x []', lists)).toEqual(['a.yml:1:4: no anchor &x before this alias']);
    expect(decode('a: &x [*x]', lists)).toEqual(['a.yml:1:8: the alias *x stands inside its own anchor']);
  });

  test('cannot fill the memory', () => {
    const bomb = Array.from({ length: 40 }, (_, level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}]`);
    expect(decode(['a0: &a0 [x]', ...bomb].join('\n'), anything)).toEqual([
      expect.stringMatching(/^a\.yml:\d+:\d+: the aliases of this document stand for more than 100000 values$/),
    ]);
  });
});

describe('merge keys', () => {
  test('bring entries at their place: in a map the later one wins', () => {
    const text = 'x: &x {a: [1], b: [1]}\ny: {a: [2], <<: *x, b: [2]}\nz: {<<: [*x, {b: [3]}]}\nn: {<<: null}';
    expect(decode(text, mapOf(lists))).toEqual(
      new Map([
        [
          'x',
          new Map([
            ['a', ['1']],
            ['b', ['1']],
          ]),
        ],
        [
          'y',
          new Map([
            ['a', ['1']],
            ['b', ['2']],
          ]),
        ],
        [
          'z',
          new Map([
            ['a', ['1']],
            ['b', ['3']],
          ]),
        ],
        ['n', new Map()],
      ]),
    );
  });

  test('must not bring a field that a struct also writes out', () => {
    const both = mapOf(struct({ a: optional(string), b: optional(string) }));
    expect(decode('x: &x {a: 1}\ny: {<<: *x, b: 2}', both)).toEqual(
      new Map([
        ['x', { a: '1', b: undefined }],
        ['y', { a: '1', b: '2' }],
      ]),
    );
    expect(decode('x: &x {a: 1}\ny: {<<: *x, a: 2}', both)).toEqual([
      'a.yml:2:13: y: duplicate key "a": it is merged and written out as well',
    ]);
  });

  test('bring nothing but maps; quoted they are keys like others', () => {
    expect(decode('a: {<<: x}', mapOf(lists))).toEqual(['a.yml:1:9: only a map or a list of maps can be merged']);
    expect(decode('"<<": [x]', lists)).toEqual(new Map([['<<', ['x']]]));
  });
});

describe('whatever the text is', () => {
  const decoders: readonly Decoder<unknown>[] = [
    string,
    boolean,
    lists,
    struct({ a: optional(list(integer)), b: optional(mapOf(boolean)) }, { extensions: true }),
  ];
  const pieces = [
    'a',
    'b',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '&x ',
    '*x',
    '<<',
    '"',
    '|',
    '!t ',
    '1.0',
    '#',
    '? ',
  ];
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
  );

  test('there is a value or there are problems in the file, and nothing is thrown', () => {
    fc.assert(
      fc.property(text, fc.constantFrom(...decoders), (content, decoder) => {
        const decoded = decodeYaml(content, 'a.yml', decoder);
        if (decoded.ok) return;
        expect(decoded.problems.length).toBeGreaterThan(0);
        for (const { position, message } of decoded.problems) {
          expect(position.line).toBeGreaterThanOrEqual(1);
          expect(position.line).toBeLessThanOrEqual(content.split('\n').length);
          expect(position.column).toBeGreaterThanOrEqual(1);
          expect(message).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('JSON is read as what it says', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.array(fc.string({ unit: 'grapheme' }))),
        (value) => {
          expect(decode(JSON.stringify(value), lists)).toEqual(new Map(Object.entries(value)));
        },
      ),
    );
  });
});

test('a document that must be right is thrown as one error with all its problems', () => {
  try {
    decodeYamlOrThrow('a: 1\nb: x', 'a.yml', lists, 'invalid-config', 'settings');
    expect.unreachable();
  } catch (error) {
    expect(isAgentError(error, 'invalid-config') && renderError(error)).toBe(
      [
        'cannot read the settings a.yml: there are 2 problems',
        'a.yml:1:4: a: expected a list such as ["1"], found 1',
        '  1 | a: 1',
        '         ^',
        'a.yml:2:4: b: expected a list such as ["x"], found the text "x"',
        '  2 | b: x',
        '         ^',
      ].join('\n'),
    );
  }
});
