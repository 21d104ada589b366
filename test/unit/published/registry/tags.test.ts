import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { tagOf, versionOf, versionsAmong } from '../../../../src/published/registry/tags.ts';

describe('a version as a tag', () => {
  test.each([
    ['1.7', '1.7'],
    ['1.8~rc1+b2', '1.8__rc1_b2'],
    ['1:2.3-1^git', '1___2.3-1____git'],
  ])('%s is %s', (version, tag) => {
    expect([tagOf(version), versionOf(tag)]).toEqual([tag, version]);
  });

  test.each(['1_7', '', '+1', 'v1.7', '1 7', '1/7', 'x'.repeat(129)])('%j has none', (version) => {
    expect(() => tagOf(version)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('comes back from its tag, where it has one', () => {
    const version = fc.stringMatching(/^[0-9][0-9a-z.+~:^_-]{0,20}$/);
    fc.assert(
      fc.property(version, (text) => {
        let tag: string | undefined;
        try {
          tag = tagOf(text);
        } catch {
          // There is none.
        }
        expect(tag === undefined || versionOf(tag) === text).toBe(true);
      }),
    );
  });
});

test('among tags are versions, for all architectures and for one', () => {
  const tags = ['latest', '1.7', 'v1.8', '1.9-amd64', '2.0_x86-64', `sha256-${'0'.repeat(64)}.sig`, 'stable-1'];
  expect(versionsAmong(tags)).toEqual([
    { version: '1.7', key: '1.7' },
    { version: '1.8', key: 'v1.8' },
    { version: '1.9', key: '1.9-amd64' },
    { version: '2.0', key: '2.0_x86-64' },
  ]);
});
