import { describe, expect, test } from 'vitest';

import { withoutSecrets } from '../../../src/core/secrets.ts';

describe('what may be secret', () => {
  test.each([
    ['cannot get https://me:s3cret@example.org/x: 401', 'cannot get https://***@example.org/x: 401'],
    ['GITHUB_TOKEN=ghp_abc123 and more', 'GITHUB_TOKEN=*** and more'],
    ['password: "two words", next', 'password: ***, next'],
    ['Authorization: Bearer abcdefgh.ijkl', 'Authorization: ***'],
    ['api-key = xyz;', 'api-key = ***;'],
  ])('%s', (text, masked) => {
    expect(withoutSecrets(text)).toBe(masked);
  });

  test.each(['an ordinary sentence: with a colon', 'https://example.org/a@b', 'sha256 0a1b', 'the token ring'])(
    'leaves alone: %s',
    (text) => {
      expect(withoutSecrets(text)).toBe(text);
    },
  );
});
