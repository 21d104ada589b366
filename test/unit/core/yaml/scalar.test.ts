import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { plainText, plainValue } from '../../../../src/core/yaml/scalar.ts';

describe('plain scalars', () => {
  test.each([
    ['', null],
    ['~', null],
    ['NULL', null],
    ['nULL', 'nULL'],
    ['true', true],
    ['False', false],
    ['yes', 'yes'],
    ['off', 'off'],
    ['17', 17n],
    ['+17', 17n],
    ['-17', -17n],
    ['017', 15n],
    ['0o17', 15n],
    ['-017', -15n],
    ['08', '08'],
    ['0x1F', 31n],
    ['0b101', 5n],
    ['1_000', 1000n],
    ['_1', '_1'],
    ['18446744073709551615', 18446744073709551615n],
    ['18446744073709551616', '18446744073709551616'],
    ['-9223372036854775809', '-9223372036854775809'],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['0.10', 0.1],
    ['1.5e3', 1500],
    ['1e3', '1e3'],
    ['1.e999', '1.e999'],
    ['0.1.0', '0.1.0'],
    ['0x1.8', '0x1.8'],
    ['.', '.'],
    ['-', '-'],
    ['.inf', Infinity],
    ['-.INF', -Infinity],
    ['.nan', NaN],
    ['<<', '<<'],
  ])('%j stands for %s', (text, value) => {
    expect(plainValue(text)).toStrictEqual(value);
  });
});

describe('the text of a value', () => {
  test.each([
    ['010', '8'],
    ['1.10', '1.1'],
    ['1.0', '1'],
    ['0644', '420'],
    ['true', 'true'],
    ['-0.0', '-0'],
    ['0.0001', '0.0001'],
    ['0.00001', '1e-05'],
    ['123456789.0e10', '1234567890000000000'],
    ['1.0e21', '1e+21'],
    ['1.5e-7', '1.5e-07'],
    ['1.0e100', '1e+100'],
    ['.inf', '+Inf'],
    ['-.inf', '-Inf'],
    ['.nan', 'NaN'],
    ['plain', 'plain'],
  ])('of %j is %j', (written, text) => {
    expect(plainText(plainValue(written))).toBe(text);
  });

  test('of null there is none', () => {
    expect(plainText(null)).toBeUndefined();
  });

  test('of any float is the shortest that reads back as it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = plainText(value) ?? '';
        expect(Number(text)).toBe(value);
        expect(text).toMatch(/^-?\d+(\.\d+)?(e[+-]\d{2,3})?$/);
        expect(
          text
            .replace(/e.*/, '')
            .replace(/[-.]/g, '')
            .replace(/^0+|0+$/g, '').length,
        ).toBeLessThanOrEqual(17);
      }),
    );
  });

  test('of any integer of 64 bits is its digits, in whatever base it is written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        for (const written of [
          `${value}`,
          `0x${value.toString(16)}`,
          `0o${value.toString(8)}`,
          `0b${value.toString(2)}`,
        ]) {
          expect(plainText(plainValue(written))).toBe(String(value));
        }
      }),
    );
  });
});
