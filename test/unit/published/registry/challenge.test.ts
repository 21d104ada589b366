import { expect, test } from 'vitest';
import fc from 'fast-check';

import { parseChallenge } from '../../../../src/published/registry/challenge.ts';

test.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    {
      scheme: 'bearer',
      realm: 'https://auth.docker.io/token',
      service: 'registry.docker.io',
      scope: 'repository:a/b:pull,push',
    },
  ],
  ['Basic realm="basic-realm"', { scheme: 'basic' }],
  ['bearer realm=https://a/t', { scheme: 'bearer', realm: 'https://a/t' }],
  ['Basic realm="x", Bearer realm="https://a/t", service=s', { scheme: 'bearer', realm: 'https://a/t', service: 's' }],
  ['Bearer realm="a\\"b"', { scheme: 'bearer', realm: 'a"b' }],
  ['Negotiate, Basic realm="x"', { scheme: 'basic' }],
  ['Negotiate', undefined],
  ['Bearer service="s"', undefined],
  ['', undefined],
  [undefined, undefined],
])('%j wants %j', (header, expected) => {
  expect(parseChallenge(header)).toEqual(expected);
});

test('no header makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseChallenge(text);
      parseChallenge(`Bearer ${text}`);
    }),
  );
});
