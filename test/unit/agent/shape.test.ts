import { expect, test } from 'vitest';

import { hidingEntries, type HostKind } from '../../../src/agent/shape.ts';

const host: Readonly<Record<string, HostKind>> = { usr: 'directory', 'usr/lib': 'directory', 'usr/sbin': 'symlink' };

test.each([
  ['usr/lib', 'directory', false],
  ['usr/lib', 'symlink', true],
  ['usr/lib', 'file', true],
  ['usr/sbin', 'directory', true],
  ['usr/sbin', 'symlink', false],
  ['usr/new', 'symlink', false],
  ['usr', 'symlink', true],
] as const)('/%s as a %s hides something: %s', (path, kind, hides) => {
  const hiding = hidingEntries([{ path, kind }], (at) => host[at] ?? 'nothing');

  expect(hiding.length > 0).toBe(hides);
});
