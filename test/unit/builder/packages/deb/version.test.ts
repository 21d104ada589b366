import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isWithin, meetsAll } from '../../../../../src/builder/packages/constraint.ts';
import { compareVersions } from '../../../../../src/builder/packages/deb/version.ts';

describe('the order of versions', () => {
  it.each([
    ['1.0', '1.1'],
    ['1.9', '1.10'],
    ['1.0~rc1', '1.0'],
    ['1.0~~', '1.0~'],
    ['1.0~beta1~svn1245', '1.0~beta1'],
    ['1.0', '1.0a'],
    ['1.0a', '1.0+'],
    ['1.0', '1.0-1'],
    ['1.0-1', '1.0-1+b1'],
    ['1.0-9', '1:0.1-1'],
    ['2.0-1~bpo12+1', '2.0-1'],
    ['1.0-1-1', '1.0-1-2'],
    ['1.7.1-6+deb13u3', '1.7.1-6+deb13u10'],
    ['1.99999999999999999998', '1.99999999999999999999'],
  ])('%s is older than %s', (older, newer) => {
    expect(compareVersions(older, newer)).toBeLessThan(0);
    expect(compareVersions(newer, older)).toBeGreaterThan(0);
  });

  it.each([
    ['0:1.0', '1.0'],
    ['1.0-0', '1.0'],
    ['1.01', '1.1'],
    ['1.0-01', '1.0-1'],
  ])('%s is as new as %s', (a, b) => {
    expect(compareVersions(a, b)).toBe(0);
  });

  const version = fc
    .tuple(
      fc.option(fc.nat(3), { nil: undefined }),
      fc.stringMatching(/^\d[0-9a-c.+~]{0,6}$/),
      fc.option(fc.stringMatching(/^[0-9a-c.+~]{1,4}$/), { nil: undefined }),
    )
    .map(
      ([epoch, upstream, revision]) =>
        `${epoch === undefined ? '' : `${epoch}:`}${upstream}${revision === undefined ? '' : `-${revision}`}`,
    );

  it('is antisymmetric, and every version equals itself', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        expect(compareVersions(a, a)).toBe(0);
      }),
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(version, version, version, (...three) => {
        const [a, b, c] = three.sort(compareVersions);
        expect(compareVersions(a, b)).toBeLessThanOrEqual(0);
        expect(compareVersions(b, c)).toBeLessThanOrEqual(0);
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('constraints', () => {
  it.each([
    ['<<', '2.0', true],
    ['<<', '1.5', false],
    ['<=', '1.5', true],
    ['<=', '1.4', false],
    ['=', '1.5', true],
    ['=', '1.5-1', false],
    ['>=', '1.5', true],
    ['>=', '1.6', false],
    ['>>', '1.5~rc1', true],
    ['>>', '1.5', false],
  ] as const)('1.5 is %s %s: %s', (relation, bound, expected) => {
    expect(isWithin(compareVersions, '1.5', { relation, version: bound })).toBe(expected);
  });

  it('must all hold', () => {
    const range = [
      { relation: '>=', version: '1' },
      { relation: '<<', version: '2' },
    ] as const;
    expect(meetsAll(compareVersions, '1.5', range)).toBe(true);
    expect(meetsAll(compareVersions, '2.0', range)).toBe(false);
    expect(meetsAll(compareVersions, 'anything', [])).toBe(true);
  });
});
