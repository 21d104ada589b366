import { describe, expect, test } from 'vitest';

import { isAgentError } from '../../../../src/core/errors.ts';
import { extraRepositories } from '../../../../src/builder/targets/extra-repositories.ts';

const key = new Uint8Array([1, 2, 3]);
const context = { releasever: '3.0', targetKeys: ['/shipped/keys/MICROSOFT-RPM-GPG-KEY'] };

describe('repositories of a spec', () => {
  test('come from .repo files: variables, checks, and keys by the names of their files', () => {
    const repo = `[native]
name=Native $releasever
baseurl=https://example.org/azurelinux/$releasever/$basearch/
gpgkey=file:///etc/pki/rpm-gpg/MICROSOFT-RPM-GPG-KEY
  file:///etc/pki/rpm-gpg/own.gpg
repo_gpgcheck=1
[off]
enabled=0
baseurl=https://example.org/off
[open]
metalink=https://example.org/metalink?arch=$basearch
gpgcheck=0
`;
    expect(extraRepositories('rpm', { 'x.repo': repo }, { 'own.gpg': key }, context)).toEqual([
      {
        family: 'rpm',
        baseurl: ['https://example.org/azurelinux/3.0/$basearch'],
        gpgcheck: true,
        repoGpgcheck: true,
        keys: ['/shipped/keys/MICROSOFT-RPM-GPG-KEY', { path: 'own.gpg', bytes: key }],
      },
      {
        family: 'rpm',
        baseurl: [],
        metalink: 'https://example.org/metalink?arch=$basearch',
        gpgcheck: false,
        repoGpgcheck: false,
        keys: [{ path: 'own.gpg', bytes: key }],
      },
    ]);
  });

  test.each([
    ['x.list', 'deb [signed-by=/usr/share/keyrings/own.gpg] https://example.org/debian/ trixie main'],
    ['x.sources', 'Types: deb\nURIs: https://example.org/debian\nSuites: trixie\nComponents: main\n'],
  ])('come from apt sources: %s', (name, text) => {
    expect(extraRepositories('deb', { [name]: text }, { 'own.gpg': key }, { targetKeys: [] })).toEqual([
      {
        family: 'deb',
        uri: 'https://example.org/debian',
        suites: ['trixie'],
        components: ['main'],
        keys: [{ path: 'own.gpg', bytes: key }],
        checkValidUntil: true,
        checkDate: true,
      },
    ]);
  });

  test.each([
    ['[a]\nname=x', 'baseurl, metalink or mirrorlist is required'],
    ['[a]\nbaseurl=ftp://example.org/x', 'ftp://example.org/x is no http or https address'],
    ['[a]\nbaseurl=https://e.org/x\ngpgkey=https://e.org/k.asc', 'give it under keys, by the name k.asc'],
  ])('are refused: %j', (text, why) => {
    const read = () => extraRepositories('rpm', { 'x.repo': text }, {}, { targetKeys: [] });
    expect(read).toThrow(why);
    expect(read).toThrow(expect.toSatisfy((error) => isAgentError(error, 'invalid-spec')));
  });
});
