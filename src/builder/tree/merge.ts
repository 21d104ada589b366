import type { Content, DirectoryNode, Tree, TreeNode } from '../../core/tree.ts';
import type { SoundEntry } from './judge.ts';
import { compareBytes, listed, parentOf, shown } from './paths.ts';

/** Whether two contents are the same bytes. */
export type SameContent = (a: Content, b: Content) => boolean;

/** Some nodes, and who brings them: "jq", as messages call the package. */
export interface Layer {
  readonly owner: string;
  readonly nodes: readonly SoundEntry[];
}

/** A node of the merged tree and who brought it. */
interface Owned {
  readonly node: SoundEntry;
  readonly owner: string;
}

type MergedTree = ReadonlyMap<string, Owned>;

export interface Merge {
  readonly nodes: readonly SoundEntry[];
  readonly warnings: readonly string[];
  /** One sentence for every node that cannot be where it should. */
  readonly refusals: readonly string[];
}

/**
 * Puts layers over each other. What several bring alike is there once; a file that they bring differently is that of
 * the last layer, with a warning. One layer alone may not contradict itself, and nothing may take the place of a
 * directory or lie behind what is none: behind a symbolic link above all.
 */
export function merge(layers: readonly Layer[], sameContent: SameContent): Merge {
  const merged = new Map<string, Owned>();
  const replacements = new Map<string, string[]>();
  const refusals: string[] = [];
  for (const later of layers.flatMap(({ owner, nodes }) => nodes.map((node) => ({ node, owner })))) {
    const { path } = later.node;
    const earlier = merged.get(path);
    const verdict = earlier === undefined ? 'take' : settle(earlier, later, sameContent);
    if (verdict === 'take' || verdict === 'replace') merged.set(path, later);
    else if (verdict !== 'keep') refusals.push(`${shown(path)} of ${later.owner} ${verdict.refusal}`);
    if (verdict === 'replace' && earlier !== undefined) {
      const who = `files of ${later.owner} replace those of ${earlier.owner}`;
      replacements.set(who, [...(replacements.get(who) ?? []), path]);
    }
  }
  return {
    nodes: [...merged.values()].map(({ node }) => node),
    warnings: [...replacements].map(([who, paths]) => `${who}: ${listed(paths)}`),
    refusals: [...refusals, ...obstructed(merged)],
  };
}

type Verdict = 'keep' | 'take' | 'replace' | { readonly refusal: string };

/** What becomes of a path that two entries claim. */
function settle(earlier: Owned, later: Owned, sameContent: SameContent): Verdict {
  const [a, b] = [earlier.node, later.node];
  if (a.kind === 'directory' && b.kind === 'directory') return 'take';
  if (a.kind === 'directory' || b.kind === 'directory') {
    return { refusal: `is a ${wordFor(b)}, and a ${wordFor(a)} in ${earlier.owner}` };
  }
  if (isAlike(a, b, sameContent)) return 'keep';
  return earlier.owner === later.owner ? { refusal: 'is there twice, and not the same' } : 'replace';
}

function isAlike(a: SoundEntry, b: SoundEntry, sameContent: SameContent): boolean {
  if (a.kind === 'symlink') return b.kind === 'symlink' && a.target === b.target;
  if (a.kind !== 'file' || b.kind !== 'file' || a.mode !== b.mode) return false;
  return a.content === b.content || sameContent(a.content, b.content);
}

function wordFor(node: SoundEntry): string {
  return node.kind === 'symlink' ? 'symbolic link' : node.kind;
}

/** The nodes that have something else than a directory on their way. */
function obstructed(merged: MergedTree): string[] {
  const known = new Map<string, Owned | undefined>([['', undefined]]);
  const obstacleOn = (path: string): Owned | undefined => {
    if (known.has(path)) return known.get(path);
    const here = merged.get(path);
    const obstacle = obstacleOn(parentOf(path)) ?? (here?.node.kind === 'directory' ? undefined : here);
    known.set(path, obstacle);
    return obstacle;
  };
  return [...merged.values()].flatMap(({ node, owner }) => {
    const obstacle = obstacleOn(parentOf(node.path));
    if (obstacle === undefined) return [];
    const what = `${shown(obstacle.node.path)}, a ${wordFor(obstacle.node)} of ${obstacle.owner}`;
    return [`${shown(node.path)} of ${owner} lies behind ${what}`];
  });
}

/** The tree that has these nodes, the directories they lie in, and hard links where files have one content value. */
export function treeOf(nodes: readonly SoundEntry[], timestamp: number): Tree {
  const paths = new Set(nodes.map(({ path }) => path));
  const missing = [...directoriesAbove(paths)].filter((path) => !paths.has(path));
  const directories = missing.map((path) => directoryNode(path, timestamp));
  const sorted = [...nodes, ...directories].sort((a, b) => compareBytes(a.path, b.path));
  const firstNames = new Map<Content, string>();
  const linked = sorted.map((node): TreeNode => {
    if (node.kind !== 'file') return node;
    const target = firstNames.get(node.content);
    if (target === undefined) firstNames.set(node.content, node.path);
    return target === undefined ? node : { kind: 'hardlink', path: node.path, target };
  });
  return { nodes: linked, timestamp };
}

/** All directories on the way to some paths, the root not counted. */
export function directoriesAbove(paths: Iterable<string>): ReadonlySet<string> {
  const directories = new Set<string>();
  for (const path of paths) {
    for (let up = parentOf(path); up !== '' && !directories.has(up); up = parentOf(up)) directories.add(up);
  }
  return directories;
}

function directoryNode(path: string, mtime: number): DirectoryNode {
  return { kind: 'directory', path, mode: 0o755, mtime };
}
