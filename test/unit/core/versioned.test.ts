import { describe, expect, test } from 'vitest';

import { nameParts, pickVersion } from '../../../src/core/versioned.ts';

test.each([
  ['jq.v', 'jq', ''],
  ['jq.raw.v', 'jq', '.raw'],
  ['jq.sysext.raw.v', 'jq', '.sysext.raw'],
  ['jq.sysext.v', 'jq', '.sysext'],
  ['.v', '', ''],
])('%s holds versions of %j that end in %j', (directory, name, suffix) => {
  expect(nameParts(directory)).toEqual({ name, suffix });
});

function picked(directory: string, names: readonly string[], systemd = 257, kind: 'raw' | 'directory' = 'raw') {
  const entries = names.map((entry) => ({ entry, kind }));
  return pickVersion(directory, entries, { architecture: 'x86-64', systemd })?.entry;
}

describe('of several versions', () => {
  test.each<[string, readonly string[], string | undefined]>([
    ['the newest', ['jq_1.9.raw', 'jq_1.10.raw', 'jq_1.2.raw'], 'jq_1.10.raw'],
    ['none of another name', ['jp_1.raw', 'jq.raw', 'jq-1.raw'], undefined],
    ['none with another suffix', ['jq_1.img', 'jq_1'], undefined],
    ['none without a version', ['jq_.raw', 'jq_ .raw'], undefined],
    ['none for another architecture', ['jq_2_arm64.raw', 'jq_1_x86-64.raw'], 'jq_1_x86-64.raw'],
    ['the one that names this architecture', ['jq_1.raw', 'jq_1_x86-64.raw'], 'jq_1_x86-64.raw'],
    ['one with tries left', ['jq_2+0-3.raw', 'jq_1.raw'], 'jq_1.raw'],
    ['one without tries left where there is no other', ['jq_2+0-3.raw', 'jq_1+0.raw'], 'jq_2+0-3.raw'],
    ['the one with more tries left', ['jq_1+2.raw', 'jq_1+3.raw'], 'jq_1+3.raw'],
    ['the one with fewer tries done', ['jq_1+2-3.raw', 'jq_1+2-1.raw'], 'jq_1+2-1.raw'],
    ['the one with the greater name', ['jq_1.raw', 'jq_01.raw'], 'jq_1.raw'],
  ])('%s', (_title, names, expected) => {
    expect(picked('jq.raw.v', names)).toBe(expected);
    expect(picked('jq.raw.v', names.toReversed())).toBe(expected);
  });

  test('a version may hold a tilde from 262 on, and a comma before', () => {
    expect([257, 262].map((systemd) => picked('jq.raw.v', ['jq_1~2.raw'], systemd))).toEqual([undefined, 'jq_1~2.raw']);
    expect([257, 262].map((systemd) => picked('jq.raw.v', ['jq_1,2.raw'], systemd))).toEqual(['jq_1,2.raw', undefined]);
  });

  test('the suffix of the directory says which kind of entry counts', () => {
    expect(picked('jq.raw.v', ['jq_1.raw'], 257, 'directory')).toBeUndefined();
    expect(picked('jq.v', ['jq_1'], 257, 'directory')).toBe('jq_1');
    expect(picked('jq.v', ['jq_1'], 257, 'raw')).toBeUndefined();
  });
});
