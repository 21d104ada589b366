import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  array,
  bytes,
  decodeAs,
  dictionary,
  flag,
  int32,
  mapped,
  nothing,
  objectPath,
  property,
  several,
  single,
  struct,
  text,
  uint32,
  uint64,
  variant,
  Variant,
  WrongTypeError,
} from '../../../../src/systemd/bus/values.ts';

describe('a decoder', () => {
  test.each([
    [single(text), 's'],
    [several(text, objectPath, flag), 'sob'],
    [single(array(struct(text, array(int32), variant))), 'a(saiv)'],
    [single(dictionary(uint64)), 'a{st}'],
    [several(bytes, uint32), 'ayu'],
    [mapped(single(text), (word) => word.length), 's'],
    [nothing, ''],
  ])('has the signature of what it reads: %#', (decoder, signature) => {
    expect(decoder.signature).toBe(signature);
  });

  test('refuses another signature, and says both', () => {
    expect(() => decodeAs(single(text), 'u', [5])).toThrow('expected the type "s", found "u"');
  });

  test('takes any value, and either reads it or says that it is of another type', () => {
    const decoder = several(text, array(struct(text, variant)), dictionary(array(uint64)), bytes);
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          decoder.decode(value);
        } catch (error) {
          expect(error).toBeInstanceOf(WrongTypeError);
        }
      }),
    );
  });

  test('keeps the names of a dictionary apart from what they mean to JavaScript', () => {
    const hostile: unknown = JSON.parse('{"constructor": "a", "__proto__": "b"}');

    expect(dictionary(text).decode(hostile)).toEqual(
      new Map([
        ['constructor', 'a'],
        ['__proto__', 'b'],
      ]),
    );
  });
});

test('a property is there with its type, is missing, or is an error', () => {
  const all = new Map([['Id', new Variant('s', 'a.service')]]);

  expect(property(all, 'Id', text)).toBe('a.service');
  expect(property(all, 'toString', text)).toBeUndefined();
  expect(() => property(all, 'Id', uint32)).toThrow(WrongTypeError);
});
