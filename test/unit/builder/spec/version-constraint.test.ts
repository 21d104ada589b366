import { describe, expect, test } from 'vitest';

import { parseVersionConstraint } from '../../../../src/builder/spec/version-constraint.ts';

describe('version constraints', () => {
  test.each([
    ['>= 1.0', '>=', '1.0'],
    ['> 1.0', '>>', '1.0'],
    ['>> 1.0', '>>', '1.0'],
    ['< 1.0', '<<', '1.0'],
    ['<< 1.0', '<<', '1.0'],
    ['<= 1.0', '<=', '1.0'],
    ['= 1.0', '=', '1.0'],
    ['== 1.0', '=', '1.0'],
    ['1.0', '=', '1.0'],
    ['>=1.0', '>=', '1.0'],
    ['<<1.0', '<<', '1.0'],
    ['==1.0', '=', '1.0'],
    [' >=  1:2.3~rc1-1+b1 ', '>=', '1:2.3~rc1-1+b1'],
    ['= v1', '=', 'v1'],
  ])('%j', (text, relation, version) => {
    expect(parseVersionConstraint(text)).toEqual({ value: { relation, version } });
  });

  test.each([
    ['<2.0', '"<2.0" is ambiguous: write "< 2.0" or "<= 2.0"'],
    ['>2.0', '">2.0" is ambiguous: write "> 2.0" or ">= 2.0"'],
    ['', 'the version is missing: write for example ">= 1.0"'],
    ['>=', 'the version is missing: write for example ">= 1.0"'],
    ['~1', '"~1" begins with none of the operators << < <= = == >= > >>'],
    ['!= 1', '"!= 1" begins with none of the operators << < <= = == >= > >>'],
    ['latest', '"latest" begins with none of the operators << < <= = == >= > >>'],
    ['>= 1.0, < 2', '"1.0, < 2": not a version'],
    ['= ${VERSION}', '"${VERSION}": build arguments are not expanded in the versions of this list'],
    ['>= 1\u001b', '"1\\u001b": not a version'],
  ])('%j is refused', (text, problem) => {
    expect(parseVersionConstraint(text)).toEqual({ problem });
  });
});
