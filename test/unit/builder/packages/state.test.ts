import { describe, expect, it } from 'vitest';

import { formatState, parseState, type SuiteState } from '../../../../src/builder/packages/state.ts';

const state: SuiteState = {
  uri: 'http://archive',
  suite: 'stable',
  date: new Date('2026-01-02T03:04:05Z'),
  validUntil: new Date('2026-02-02T03:04:05Z'),
  checkedAt: new Date('2026-01-02T04:00:00Z'),
  validators: { etag: '"x"' },
  keysDigest: 'k',
  signers: ['0123456789abcdef'],
  indexes: ['a'.repeat(64)],
};

describe('the record of a suite', () => {
  it('is read back as it was written', () => {
    expect(parseState(formatState(state))).toEqual(state);
    const endless = { ...state, validUntil: undefined };
    expect(parseState(formatState(endless))).toEqual(endless);
  });

  it.each([
    ['empty', ''],
    ['cut off', formatState(state).slice(0, 100)],
    ['no object', '[]'],
    ['without a date', formatState(state).replace('"date"', '"data"')],
    ['with an end that is no date', formatState(state).replace('2026-02-02', 'soon')],
  ])('counts as none when it is %s', (_, text) => {
    expect(parseState(text)).toBeUndefined();
  });
});
