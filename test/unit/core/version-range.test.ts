import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compareVersions } from '../../../src/core/version-order.ts';
import { isInRange, parseVersionRange } from '../../../src/core/version-range.ts';

function rangeOf(text: string) {
  const range = parseVersionRange(text);
  if ('problem' in range) throw new Error(range.problem);
  return range.value;
}

function problemOf(text: string): string | undefined {
  const range = parseVersionRange(text);
  return 'problem' in range ? range.problem : undefined;
}

describe('of the versions in a list, those in the range', () => {
  const versions = ['1.2~rc1', '1.2', '1.2-3', '1.2a', '1.2^git5', '1.2.1', '1.2.10-1', '1.20', '2~beta', '2'];

  test.each<[range: string, ...inIt: string[]]>([
    ['*', ...versions],
    ['1.2', '1.2', '1.2-3'],
    ['=1.2', '1.2', '1.2-3'],
    ['== 1.2', '1.2', '1.2-3'],
    ['1.2-3', '1.2-3'],
    ['01.2', '1.2', '1.2-3'],
    ['1.2.*', '1.2', '1.2-3', '1.2^git5', '1.2.1', '1.2.10-1'],
    ['1.*', '1.2~rc1', '1.2', '1.2-3', '1.2a', '1.2^git5', '1.2.1', '1.2.10-1', '1.20'],
    ['>=1.2 <2', '1.2', '1.2-3', '1.2a', '1.2^git5', '1.2.1', '1.2.10-1', '1.20', '2~beta'],
    ['>=1.2 <2~', '1.2', '1.2-3', '1.2a', '1.2^git5', '1.2.1', '1.2.10-1', '1.20'],
    ['> 1.2,<= 1.2.1', '1.2^git5', '1.2.1'],
    ['<=1.2', '1.2~rc1', '1.2', '1.2-3'],
    ['>1.2-2 <1.2.1', '1.2-3', '1.2^git5'],
    ['1.2.* != 1.2.1', '1.2', '1.2-3', '1.2^git5', '1.2.10-1'],
  ])('%s', (text, ...inIt) => {
    expect(versions.filter((version) => isInRange(version, rangeOf(text)))).toEqual(inIt);
  });
});

test.each([
  ['', 'a version or a range is missing'],
  ['  ', 'a version or a range is missing'],
  ['>=', '">=" lacks a version'],
  ['v1.2', '"v1.2": versions are written without the v: "1.2"'],
  ['>=v1', 'without the v: "1"'],
  ['~>1.2', '"~>1.2" is not a version'],
  ['<>1.2', '"<>1.2" begins with none of = != < <= > >='],
  ['^1.2', '"^1.2" is not a version'],
  ['~1.2', '"~1.2" is not a version'],
  ['=>1.2', '"=>1.2" begins with none of'],
  ['1.2 - 2', '"-" is not a version'],
  ['1.2*', '"1.2*": a * stands alone or at the end after a dot'],
  ['1.*.3', '"1.*.3": a * stands alone'],
  ['>=1.*', '">=1.*": a * stands alone'],
  ['1.x\u202e', String.raw`"1.x\u{202e}" is not a version`],
  ['>=2 <1', 'no version is both >=2 and <1'],
  ['>=2 <2', 'no version is both >=2 and <2'],
  ['>2 <=2', 'no version is both >2 and <=2'],
  ['1.2 1.3', 'no version is both =1.3 and =1.2'],
  ['1'.repeat(201), 'at most 200 characters'],
])('%j is no range', (text, message) => {
  expect(problemOf(text)).toContain(message);
});

test.each(['>1.2-3 <=1.2', '>=1.2-3 <=1.2', '>=1.2 <=1.2-3', '>=2 <=2'])('%s has versions in it', (text) => {
  expect(problemOf(text)).toBeUndefined();
});

const part = fc.constantFrom('0', '1', '2', '10', '09', 'a', 'rc', '.', '.1', '.2', '~', '^', '-1', '-2');
const version = fc
  .tuple(fc.constantFrom('0', '1', '2', '10'), fc.array(part, { maxLength: 3 }))
  .map(([first, rest]) => first + rest.join(''));
const upstream = version.map((text) => text.replace(/-.*/, ''));
const endsInLetterOrDigit = (text: string) => /[a-z\d]$/.test(text);

test('without revisions, a bound is the order of versions', () => {
  fc.assert(
    fc.property(upstream, upstream, (a, b) => {
      const order = compareVersions(a, b);
      const said = ['<', '<=', '=', '!=', '>=', '>'].map((relation) => isInRange(a, rangeOf(`${relation}${b}`)));
      expect(said).toEqual([order < 0, order <= 0, order === 0, order !== 0, order >= 0, order > 0]);
    }),
  );
});

test('for any version and bound, exactly one of <, = and > holds', () => {
  fc.assert(
    fc.property(version, version, (a, b) => {
      const holding = ['<', '=', '>'].filter((relation) => isInRange(a, rangeOf(`${relation}${b}`)));
      expect(holding).toHaveLength(1);
    }),
  );
});

test('what goes on from a version after a dot is of its series, and not older', () => {
  fc.assert(
    fc.property(upstream.filter(endsInLetterOrDigit), upstream, (series, rest) => {
      expect(isInRange(series, rangeOf(`${series}.*`))).toBe(true);
      expect(isInRange(`${series}.${rest}`, rangeOf(`${series}.* >=${series}`))).toBe(true);
      expect(isInRange(`${series}~${rest}`, rangeOf(`${series}.*`))).toBe(false);
    }),
  );
});

test('a range that is refused as a contradiction has no version in it', () => {
  const relation = fc.constantFrom('=', '<', '<=', '>', '>=');
  const bound = fc.tuple(relation, version).map((words) => words.join(''));
  fc.assert(
    fc.property(bound, bound, fc.array(version, { maxLength: 20 }), (a, b, candidates) => {
      fc.pre(problemOf(`${a} ${b}`)?.startsWith('no version is both') === true);
      expect(candidates.filter((one) => isInRange(one, rangeOf(a)) && isInRange(one, rangeOf(b)))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, candidate) => {
      const range = parseVersionRange(text);
      expect('problem' in range || typeof isInRange(candidate, range.value) === 'boolean').toBe(true);
    }),
  );
});
