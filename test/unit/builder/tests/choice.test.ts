import { describe, expect, test } from 'vitest';

import { parseChoice, placesOf, testingFor } from '../../../../src/builder/tests/choice.ts';

describe('where tests are run', () => {
  test.each([
    [undefined, '', 'target', false],
    [undefined, 'false', 'target', false],
    [undefined, '1', 'none', true],
    [undefined, 'true', 'none', true],
    ['both', '', 'both', true],
    ['merged', 'true', 'merged', true],
  ] as const)('--test=%s and DALEC_SKIP_TESTS=%s: %s', (given, skip, choice, isAsked) => {
    expect(testingFor(given, skip)).toEqual({ choice, isAsked });
  });

  test.each([
    ['none', []],
    ['target', ['target']],
    ['merged', ['merged']],
    ['both', ['target', 'merged']],
  ] as const)('%s is %j', (choice, places) => {
    expect(placesOf(choice)).toEqual(places);
  });

  test('other values are refused', () => {
    expect(() => parseChoice('all')).toThrow('--test takes target, merged, both, none, not all');
    expect(() => testingFor(undefined, 'yes')).toThrow('DALEC_SKIP_TESTS must be true or false, not yes');
  });
});
