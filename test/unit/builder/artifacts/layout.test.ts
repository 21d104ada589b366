import { describe, expect, test } from 'vitest';

import { directoryOf, layoutOf, manualPath } from '../../../../src/builder/artifacts/layout.ts';

const deb = { family: 'deb', libraries: 'usr/lib' } as const;
const rpm = { family: 'rpm', libraries: 'usr/lib64' } as const;

test('a target says where it has libraries', () => {
  expect(layoutOf({ repositories: [], libdir: '/usr/lib64' })).toEqual({ family: 'deb', libraries: 'usr/lib64' });
  expect(layoutOf({ repositories: [] })).toEqual(deb);
});

describe('where a distribution has the files of a package', () => {
  test.each([
    ['binaries', 'usr/bin', 'usr/bin'],
    ['libexec', 'usr/libexec', 'usr/libexec'],
    ['libs', 'usr/lib', 'usr/lib64'],
    ['opt', 'opt', 'opt'],
    ['data_dirs', 'usr/share', 'usr/share'],
    ['headers', 'usr/include', 'usr/include'],
    ['docs', 'usr/share/doc/x', 'usr/share/doc/x'],
    ['licenses', 'usr/share/doc/x', 'usr/share/licenses/x'],
    ['configFiles', 'etc', 'etc'],
  ] as const)('%s: %s of Debian, %s of rpm', (kind, ofDeb, ofRpm) => {
    expect(directoryOf(kind, deb, 'x')).toBe(ofDeb);
    expect(directoryOf(kind, rpm, 'x')).toBe(ofRpm);
  });

  test.each([
    ['', 'x.1', false, 'usr/share/man/man1/x.1', 'usr/share/man/x.1'],
    ['man8', 'x.8', false, 'usr/share/man/man8/x.8', 'usr/share/man/man8/x.8'],
    ['man8', 'x.1', false, 'usr/share/doc/manpages/pkg/man8/x.1', 'usr/share/man/man8/x.1'],
    ['', 'x.1', true, 'usr/share/doc/manpages/pkg/x.1', 'usr/share/man/x.1'],
    ['', 'README', false, 'usr/share/doc/manpages/pkg/README', 'usr/share/man/README'],
  ])('the manual page %s/%s (renamed: %s): %s of Debian, %s of rpm', (subpath, name, renamed, ofDeb, ofRpm) => {
    expect(manualPath(subpath, name, renamed, deb, 'pkg')).toBe(ofDeb);
    expect(manualPath(subpath, name, renamed, rpm, 'pkg')).toBe(ofRpm);
  });
});
