import { basename } from 'node:path';

import type { Content, Tree, TreeNode } from '../../core/tree.ts';
import { sha256 } from '../../host/digest.ts';

/**
 * The UUID of the file system that holds a tree, from a sha256 of the tree: the same tree always has the same. A range of an archive counts by the archive's file name, which carries the archive's digest.
 */
export function treeUuid(tree: Tree): string {
  return uuidOf(sha256(JSON.stringify([tree.timestamp, tree.nodes.map(described)])));
}

/** A UUID of version 8 (RFC 9562) from a sha256. */
export function uuidOf(digest: string): string {
  const variant = ((parseInt(digest.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(18, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}

function described(node: TreeNode): readonly unknown[] {
  switch (node.kind) {
    case 'file':
      return [node.kind, node.path, node.mode, node.mtime, ...identity(node.content)];
    case 'directory':
      return [node.kind, node.path, node.mode, node.mtime];
    case 'symlink':
      return [node.kind, node.path, node.mtime, node.target];
    case 'hardlink':
      return [node.kind, node.path, node.target];
  }
}

function identity(content: Content): readonly unknown[] {
  return content.kind === 'bytes' ? [sha256(content.bytes)] : [basename(content.path), content.offset, content.length];
}
