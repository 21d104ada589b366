import { expect, test } from 'vitest';

import { seedTree } from '../../../../src/builder/root/seed.ts';
import type { ArchiveEntry } from '../../../../src/core/tree.ts';

function entry(name: string, kind: ArchiveEntry['kind'], more: Partial<ArchiveEntry> = {}): ArchiveEntry {
  return {
    name,
    kind,
    mode: 0o755,
    mtime: 7,
    ...(kind === 'file' ? { content: { kind: 'bytes', bytes: Buffer.from(name) } } : {}),
    ...more,
  };
}

test('what lies outside of /usr goes there, and links lead to it', () => {
  const tree = seedTree([
    [entry('./', 'directory'), entry('./bin/sh', 'file'), entry('./lib/libc.so.6', 'file')],
    [entry('./bin', 'symlink', { target: 'usr/bin' }), entry('./lib64/ld.so', 'symlink', { target: '../lib/ld.so' })],
    [entry('usr/bin/dash', 'hardlink', { target: './bin/sh' })],
  ]);

  const told = tree.nodes.map((node) => `${node.path} ${node.kind}${'target' in node ? ` ${node.target}` : ''}`);
  expect(told).toEqual([
    'bin symlink usr/bin',
    'dev directory',
    'lib symlink usr/lib',
    'lib64 symlink usr/lib64',
    'proc directory',
    'run directory',
    'sbin symlink usr/sbin',
    'tmp directory',
    'usr directory',
    'usr/bin directory',
    'usr/bin/dash hardlink usr/bin/sh',
    'usr/bin/sh file',
    'usr/lib directory',
    'usr/lib/libc.so.6 file',
    'usr/lib64 directory',
    'usr/lib64/ld.so symlink ../lib/ld.so',
    'usr/sbin directory',
  ]);
});

test('what leads out of it is left out, and devices are', () => {
  const tree = seedTree([
    [
      entry('../etc/passwd', 'file'),
      entry('dev/sda', 'block-device'),
      entry('x', 'hardlink', { target: '../../etc/shadow' }),
    ],
  ]);

  expect(tree.nodes.map(({ path }) => path).filter((path) => /passwd|sda|^x$/.test(path))).toEqual([]);
});
