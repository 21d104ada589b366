import { describe, expect, test } from 'vitest';

import {
  boolean,
  checked,
  integer,
  list,
  located,
  mapOf,
  mapped,
  oneOf,
  parsed,
  string,
} from '../../../../src/core/yaml/decoder.ts';
import { optional, required, struct, withDefault } from '../../../../src/core/yaml/struct.ts';
import { fieldPath, nearestName, quote } from '../../../../src/core/yaml/text.ts';
import { decode } from './decode.ts';

describe('single values', () => {
  test.each([
    ['x', 'x'],
    ['"010"', '010'],
    ['010', '8'],
    ['true', 'true'],
    ['|\n  a\n  b', 'a\nb\n'],
    ['>-\n  a\n  b', 'a b'],
  ])('%j is the text %j', (text, value) => {
    expect(decode(text, string)).toBe(value);
  });

  test.each([
    ['null', 'a.yml:1:1: expected text, found nothing'],
    ['[a]', 'a.yml:1:1: expected text, found a list'],
    ['a: b', 'a.yml:1:1: expected text, found a map'],
  ])('%j is no text', (text, problem) => {
    expect(decode(text, string)).toEqual([problem]);
  });

  test('booleans are spelled true and false', () => {
    expect(decode('[true, False]', list(boolean))).toEqual([true, false]);
    expect(decode('[yes, "true", 1]', list(boolean))).toEqual([
      'a.yml:1:2: [0]: expected true or false, found the text "yes"',
      'a.yml:1:7: [1]: expected true or false, found the text "true"',
      'a.yml:1:15: [2]: expected true or false, found 1',
    ]);
  });

  test('integers are whole numbers that fit', () => {
    expect(decode('[0644, -1, 0x10]', list(integer))).toEqual([420, -1, 16]);
    expect(decode('["1", 1.0, 9007199254740992]', list(integer))).toEqual([
      'a.yml:1:2: [0]: expected a whole number, found the text "1"',
      'a.yml:1:7: [1]: expected a whole number, found 1.0',
      'a.yml:1:12: [2]: 9007199254740992 is out of range',
    ]);
  });

  test('words are some of a few', () => {
    expect(decode('deb', oneOf(['deb', 'rpm']))).toBe('deb');
    expect(decode('apk', oneOf(['deb', 'rpm']))).toEqual(['a.yml:1:1: expected one of deb, rpm, found the text "apk"']);
  });

  test('can be changed, parsed, checked and located', () => {
    expect(
      decode(
        'abc',
        mapped(string, (text) => text.length),
      ),
    ).toBe(3);
    const even = parsed(integer, (value) => (value % 2 === 0 ? { value: value / 2 } : { problem: 'odd' }));
    expect(decode('[4, 3]', list(even))).toEqual(['a.yml:1:5: [1]: odd']);
    expect(
      decode(
        '4',
        checked(integer, (value) => (value > 3 ? 'too much' : undefined)),
      ),
    ).toEqual(['a.yml:1:1: too much']);
    expect(decode('\n- a', list(located(string)))).toEqual([
      { value: 'a', position: { file: 'a.yml', line: 2, column: 3 } },
    ]);
  });
});

describe('maps', () => {
  test('have names that are text, or become it', () => {
    expect(decode('{1.0: a, true: b}', mapOf(string))).toEqual(
      new Map([
        ['1', 'a'],
        ['true', 'b'],
      ]),
    );
    expect(decode('{[a]: b, ~: c}', mapOf(string))).toEqual([
      'a.yml:1:2: expected text, found a list',
      'a.yml:1:10: expected text, found nothing',
    ]);
  });

  test('name the fields inside of them', () => {
    expect(decode('python3.11: []\nlibonig5: []', mapOf(string))).toEqual([
      'a.yml:1:13: ["python3.11"]: expected text, found a list',
      'a.yml:2:11: libonig5: expected text, found a list',
    ]);
  });

  test('have no name twice, however it is written', () => {
    expect(decode('a: 1\n"a": 2\n1: x\n"1": y', mapOf(string))).toEqual([
      'a.yml:2:1: duplicate key "a"',
      'a.yml:4:1: duplicate key "1"',
    ]);
  });
});

describe('structs', () => {
  const person = struct({ name: required(string), age: withDefault(integer, 7), note: optional(string) });

  test('have fields that are required, optional, or there anyway', () => {
    expect(decode('name: x', person)).toEqual({ name: 'x', age: 7, note: undefined });
    expect(decode('{name: x, age: ~, note: ~}', person)).toEqual({ name: 'x', age: 7, note: undefined });
    expect(decode('age: 1', person)).toEqual(['a.yml:1:1: name: this field is required']);
    expect(decode('age: 1\nname:', person)).toEqual(['a.yml:2:1: name: this field is required']);
    expect(decode('x', person)).toEqual(['a.yml:1:1: expected a map, found the text "x"']);
  });

  test('have no other fields, and the nearest is offered', () => {
    expect(decode('name: x\nnmae: y\nzzz: 1\n~: 2\n__proto__: 3', person)).toEqual([
      'a.yml:2:1: unknown field "nmae", did you mean "name"?',
      'a.yml:3:1: unknown field "zzz"',
      'a.yml:4:1: the name of a field must be text',
      'a.yml:5:1: unknown field "__proto__"',
    ]);
  });

  test('can leave room for extensions', () => {
    const open = struct({ a: optional(struct({})) }, { extensions: true });
    expect(decode('x-a: [anything]\nX-b: {c: d}', open)).toEqual({ a: undefined });
    expect(decode('a: {x-a: 1}', open)).toEqual(['a.yml:1:5: a: unknown field "x-a"']);
  });

  test('can be read for some of their fields only', () => {
    expect(decode('a: x\nb: [1]\n2: 3', struct({ a: optional(string) }, { others: true }))).toEqual({ a: 'x' });
  });
});

describe('text in messages', () => {
  test('is quoted, and a terminal sees no command in it', () => {
    expect(quote('a"b')).toBe('"a\\"b"');
    expect(quote('\u001b[1m\u009b\u202e')).toBe('"\\u001b[1m\\u{9b}\\u{202e}"');
    expect(fieldPath('a', 'b\nc')).toBe('a["b\\nc"]');
  });

  test('names the nearest only if it is near', () => {
    expect(nearestName('dependancies', ['description', 'dependencies'])).toBe('dependencies');
    expect(nearestName('Name', ['name'])).toBe('name');
    expect(nearestName('foo', ['name'])).toBeUndefined();
    expect(nearestName('x'.repeat(1000), ['x'])).toBeUndefined();
  });
});
