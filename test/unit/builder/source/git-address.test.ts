import { describe, expect, test } from 'vitest';

import { parseGitAddress, submoduleAddress, type GitAddress } from '../../../../src/builder/source/git-address.ts';

function read(text: string): GitAddress {
  const parsed = parseGitAddress(text);
  if ('value' in parsed) return parsed.value;
  throw new Error(parsed.problem);
}

describe('the address of a git repository', () => {
  test.each([
    ['https://example.org/a/b.git', 'https://example.org/a/b.git', 'https', 'example.org'],
    ['http://127.0.0.1:8080/a', 'http://127.0.0.1:8080/a', 'http', '127.0.0.1:8080'],
    ['github.com/a/b', 'https://github.com/a/b', 'https', 'github.com'],
    ['git@github.com:a/b.git', 'git@github.com:a/b.git', 'ssh', 'github.com'],
    ['ssh://git@example.org:22/a', 'ssh://git@example.org:22/a', 'ssh', 'example.org:22'],
    ['git://example.org/a', 'git://example.org/a', 'git', 'example.org'],
  ])('%s', (text, url, transport, host) => {
    expect(read(text)).toEqual({ url, transport, host });
  });

  test('keeps user and password out of what is shown and passed on', () => {
    expect(read('https://me:pass%2Fword@example.org/a')).toEqual({
      url: 'https://example.org/a',
      transport: 'https',
      host: 'example.org',
      credentials: { user: 'me', password: 'pass/word' },
    });
  });

  test.each([
    ['file:///etc', /a repository of this host is not read/],
    ['/etc/repository', /a repository of this host is not read/],
    ['../repository', /a repository of this host is not read/],
    ['ext::sh -c true', /white space/],
    ['ext::true', /no address/],
    ['ftp://example.org/a', /"ftp:\/\/" to a repository is not taken/],
    ['https://example.org/a#main', /the field commit/],
    ['https://-oProxyCommand=x/a', /no address/],
    ['-upload-pack=x', /no address/],
    ['ssh://-oProxyCommand=x@example.org/a', /no address/],
    ['ssh://%2doProxyCommand=x@example.org/a', /no address/],
    ['ssh://%2doProxyCommand=x/a', /no address/],
    ['git://example.org%0aevil/a', /no address/],
    ['-oProxyCommand@example.org:a', /no address/],
    ['https://me%zz:x@example.org/a', /no address/],
    ['https://me:x%zz@example.org/a', /no address/],
    ['', /no address/],
  ])('cannot be %j', (text, why) => {
    expect(() => read(text)).toThrow(why);
  });
});

describe('the address of a submodule', () => {
  test.each([
    ['https://example.org/a/b', '../c', 'https://example.org/a/c'],
    ['https://example.org/a/b.git/', './c', 'https://example.org/a/b.git/c'],
    ['git@example.org:a/b', '../c', 'git@example.org:a/c'],
    ['git@example.org:a/b', '../../c', 'git@example.org:c'],
    ['https://example.org/a', 'https://other.org/c', 'https://other.org/c'],
  ])('of %s at %s is %s', (parent, text, url) => {
    expect(submoduleAddress(read(parent), text)).toMatchObject({ value: { url } });
  });

  test.each(['../../../../c', '../../..//evil.org/c', 'file:///etc'])('is not %s', (text) => {
    expect(submoduleAddress(read('https://example.org/a/b'), text)).toHaveProperty('problem');
  });
});
