import { expect, test } from 'vitest';

import type { LocalPackage } from '../../../../../src/builder/packages/packages.ts';
import { findProviders, parseDepends, policyNames } from '../../../../../src/builder/packages/deb/providers.ts';

test.each([
  ['libonig.so.5', 'libonig5'],
  ['libfoo-1.so.2', 'libfoo-1-2'],
  ['libGLU.so.1', 'libglu1'],
  ['libstdc++.so.6', 'libstdc++6'],
  ['libdb-5.3.so', 'libdb5.3'],
])('policy puts %s into %s', (library, name) => {
  expect(policyNames(library)[0]).toBe(name);
});

test('a dependency field names packages, versions and alternatives aside', () => {
  expect(parseDepends('libc6 (>= 2.38), libjq1 (= 1.7:any), default-mta | mail-transport-agent, python3:any')).toEqual([
    'libc6',
    'libjq1',
    'default-mta',
    'mail-transport-agent',
    'python3',
  ]);
});

function packageOf(name: string): LocalPackage {
  return { name, version: '1', architecture: 'amd64', sha256: '', size: 1, url: '', path: '' };
}

/** Looks for the providers of a library that a package with these dependencies needs. */
async function providerOf(library: string, depends: string, files: Readonly<Record<string, readonly string[]>>) {
  const found = await findProviders([{ library, bits: 64, package: packageOf('owner') }], {
    dependsOf: () => depends,
    select: (name) => (name in files ? [packageOf(name)] : []),
    open: ({ name }) =>
      Promise.resolve(
        (files[name] ?? []).map((path) => ({ name: path, kind: 'file', mode: 0o644, mtime: 0 }) as const),
      ),
  });
  return found.get(library);
}

test('the provider is a package that has the library, not one that is called like it', async () => {
  const files = { libx1: ['./usr/share/doc/libx.so.1'], other: ['./usr/lib/x86_64-linux-gnu/libx.so.1'] };

  expect(await providerOf('libx.so.1', 'libx1, other', files)).toEqual(['other']);
});

test('without a dependency the name of policy is tried', async () => {
  expect(await providerOf('libx.so.1', '', { libx1t64: ['./usr/lib/x86_64-linux-gnu/libx.so.1'] })).toEqual([
    'libx1t64',
  ]);
});

test('what brings the C library is no provider', async () => {
  const files = { libc6: ['./lib/x86_64-linux-gnu/libc.so.6', './lib/x86_64-linux-gnu/libm.so.6'] };

  expect(await providerOf('libm.so.6', 'libc6', files)).toBeUndefined();
});
