import type { ArchiveEntry, DirectoryNode, Tree, TreeNode } from '../../core/tree.ts';

/** Where a merged system has what packages may still bring in these directories of the root. */
const merged = ['bin', 'lib', 'lib32', 'lib64', 'libx32', 'sbin'];

/**
 * What is in some packages, as one tree in which their own package manager runs: it then installs them over themselves. Of
 * two entries at one path the last one counts. Devices are left out, and what leads out of the tree.
 * @param archives the entries of each package.
 */
export function seedTree(archives: readonly (readonly ArchiveEntry[])[]): Tree {
  const nodes = new Map<string, TreeNode>();
  for (const entry of archives.flat()) {
    const path = placeOf(entry.name);
    const node = path === undefined ? undefined : nodeOf(entry, path);
    if (node !== undefined && !(node.kind === 'directory' && nodes.has(node.path))) nodes.set(node.path, node);
  }
  for (const path of [...nodes.keys(), 'usr/bin/.', 'usr/lib/.', 'usr/sbin/.', 'tmp', 'run', 'dev', 'proc'])
    addDirectories(nodes, path);
  for (const name of merged)
    if (nodes.has(`usr/${name}`)) nodes.set(name, { kind: 'symlink', path: name, mtime: 0, target: `usr/${name}` });
  for (const name of ['tmp', 'run', 'dev', 'proc'])
    nodes.set(name, { kind: 'directory', path: name, mode: name === 'tmp' ? 0o1777 : 0o755, mtime: 0 });
  return { nodes: [...nodes.values()].sort((a, b) => (a.path < b.path ? -1 : 1)), timestamp: 0 };
}

/** The path of an entry in a merged system; undefined for the root, for the links that merge it, and for none. */
function placeOf(name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const [first = ''] = parts;
  if (first === '' || parts.includes('..') || (parts.length === 1 && merged.includes(first))) return undefined;
  return (merged.includes(first) ? ['usr', ...parts] : parts).join('/');
}

function nodeOf({ kind, mode, mtime, target = '', content }: ArchiveEntry, path: string): TreeNode | undefined {
  if (kind === 'directory') return { kind, path, mode, mtime };
  if (kind === 'symlink') return { kind, path, mtime, target };
  if (kind === 'file' && content !== undefined) return { kind, path, mode, mtime, content };
  const file = kind === 'hardlink' ? placeOf(target) : undefined;
  return file === undefined ? undefined : { kind: 'hardlink', path, target: file };
}

function addDirectories(nodes: Map<string, TreeNode>, path: string): void {
  const parts = path.split('/').slice(0, -1);
  for (const [index] of parts.entries()) {
    const directory: DirectoryNode = {
      kind: 'directory',
      path: parts.slice(0, index + 1).join('/'),
      mode: 0o755,
      mtime: 0,
    };
    if (!nodes.has(directory.path)) nodes.set(directory.path, directory);
  }
}
