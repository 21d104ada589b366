import { expect, test } from 'vitest';

import { treeUuid } from '../../../../src/builder/image/uuid.ts';
import type { FileNode, Tree } from '../../../../src/core/tree.ts';

const content = { kind: 'range' as const, path: '/cache/abc-def.tar', offset: 512, length: 10 };
const node: FileNode = { kind: 'file', path: 'usr/x', mode: 0o644, mtime: 1, content };

function uuidOf(change: Partial<FileNode>): string {
  const tree: Tree = { nodes: [{ ...node, ...change }], timestamp: 5 };
  return treeUuid(tree);
}

test('the UUID is one of version 8 and depends on the tree alone', () => {
  expect(uuidOf({})).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(uuidOf({ content: { ...content, path: '/elsewhere/abc-def.tar' } })).toBe(uuidOf({}));
});

test('every change of the tree changes it', () => {
  const changes: Partial<FileNode>[] = [
    {},
    { path: 'usr/y' },
    { mode: 0o755 },
    { mtime: 2 },
    { content: { ...content, offset: 1024 } },
    { content: { kind: 'bytes', bytes: Buffer.from('x') } },
  ];

  expect(new Set(changes.map(uuidOf)).size).toBe(changes.length);
});
