import { expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import type { Exec } from '../../../src/host/exec.ts';
import { getfattrArguments, parseAttributeNames, parseGetfattr, readAttributes } from '../../../src/host/xattr.ts';

/** Recorded of getfattr 2.5.1. */
const recorded = `# file: /t/usr/x=\\134y"z é
user.extension-release.strict=0x66616c0a207365

# file: /t/usr/new\\012li#e
user.extension-release.strict=0x30

# file: /t/empty
user.extension-release.strict=0x

`;

test('reads the attribute of each file, whatever its name', () => {
  expect([...parseGetfattr(recorded)]).toEqual([
    ['/t/usr/x=\\y"z é', 'fal\n se'],
    ['/t/usr/new\nli#e', '0'],
    ['/t/empty', ''],
  ]);
});

test('reads the names of the attributes of each file', () => {
  const output = '# file: /t/a\\012b\nsecurity.capability\ntrusted.overlay.opaque\n\n# file: /t/c\nuser.x\n\n';
  expect([...parseAttributeNames(output)]).toEqual([
    ['/t/a\nb', ['security.capability', 'trusted.overlay.opaque']],
    ['/t/c', ['user.x']],
  ]);
});

test('paths are never options', () => {
  const args = getfattrArguments(['-x'], 'user.a');
  expect(args.slice(-2)).toEqual(['--', '-x']);
});

test('without getfattr no file has an attribute', async () => {
  const missing: Exec = { run: () => Promise.reject(new AgentError('tool-missing', 'no getfattr')) };
  expect([...(await readAttributes(['/x'], 'user.a', missing))]).toEqual([]);
});

test('for no files nothing is run', async () => {
  const unused: Exec = { run: () => Promise.reject(new Error('was run')) };
  expect([...(await readAttributes([], 'user.a', unused))]).toEqual([]);
});
