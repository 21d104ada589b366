import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { Tree, TreeNode } from '../../core/tree.ts';
import { sameContent } from '../../host/content.ts';
import { sha256OfFile } from '../../host/digest.ts';
import { fileStatus, listNames, makeDirectory, makeTemporaryDirectory, rename } from '../../host/files.ts';
import { writeTree } from '../../host/tree-writer.ts';
import type { SoundEntry } from '../tree/judge.ts';
import { merge, treeOf } from '../tree/merge.ts';

/** Where layers are, by their digests. */
export function layerPath(cacheDirectory: string, digest: string): string {
  return join(layersIn(cacheDirectory), digest);
}

function layersIn(cacheDirectory: string): string {
  return join(cacheDirectory, 'sources', 'layers');
}

/** For how long a layer may be there that another build has not named yet, in milliseconds. */
const longestNameless = 86_400_000;

/** The layers that nobody will ask for any more. Their own times are those of the sources: only the kernel's tells of them. */
export function namelessLayers(cacheDirectory: string, named: ReadonlySet<string>, now: Date): readonly string[] {
  return listNames(layersIn(cacheDirectory))
    .filter((digest) => !named.has(digest))
    .map((digest) => layerPath(cacheDirectory, digest))
    .filter((path) => now.getTime() - (fileStatus(path)?.ctimeMs ?? Infinity) > longestNameless);
}

export interface LayerMeans {
  readonly cacheDirectory: string;
  /** A directory on the same file system. */
  readonly work: string;
  /** Gives all in it to whom it must belong. */
  readonly adopt: (directory: string) => Promise<void>;
}

/**
 * Writes files as a layer, and keeps it by its content. Everyone on this host may read it, so nothing in it has rights that
 * count here: no setuid, and nobody else may write to it.
 * @param nodes by their paths in the layer.
 * @param expected the sha256 that some must still have, by the same paths.
 * @returns its digest, which says all that is in it.
 * @throws AgentError `content-refused` where files lie behind what is no directory; `io` where one changed meanwhile;
 *   `disk-full`
 */
export async function keepLayer(
  nodes: readonly SoundEntry[],
  expected: ReadonlyMap<string, string>,
  timestamp: number,
  means: LayerMeans,
): Promise<string> {
  const tree = harmlessTree(nodes, timestamp);
  const directory = join(makeTemporaryDirectory(means.work), 'layer');
  makeDirectory(directory);
  writeTree(directory, tree);
  const digest = digestOf(directory, tree, expected);
  const place = layerPath(means.cacheDirectory, digest);
  if (fileStatus(place) !== undefined) return digest;
  await means.adopt(directory);
  makeDirectory(join(place, '..'));
  try {
    rename(directory, place);
  } catch (error) {
    // Another build has made the same one.
    if (fileStatus(place) === undefined) throw error;
  }
  return digest;
}

function harmlessTree(nodes: readonly SoundEntry[], timestamp: number): Tree {
  const { nodes: sound, refusals } = merge([{ owner: 'the sources', nodes }], sameContent);
  if (refusals.length > 0)
    throw new AgentError('content-refused', 'the sources hold what cannot be in one directory', {
      facts: refusals.slice(0, 10),
      left: 'Nothing was built.',
    });
  return treeOf(
    sound.map((node) => harmless(node, timestamp)),
    timestamp,
  );
}

function harmless(node: SoundEntry, mtime: number): SoundEntry {
  if (node.kind === 'symlink') return { ...node, mtime };
  const own = node.kind === 'directory' ? 0o700 : 0o600;
  return { ...node, mtime, mode: (node.mode & 0o755) | own };
}

/** Of what was written, whatever was to be. */
function digestOf(directory: string, tree: Tree, expected: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256').update(`${tree.timestamp}\n`);
  for (const node of tree.nodes) hash.update(`${JSON.stringify(described(directory, node, expected))}\n`);
  return hash.digest('hex');
}

function described(directory: string, node: TreeNode, expected: ReadonlyMap<string, string>): readonly unknown[] {
  if (node.kind === 'directory') return [node.path, node.kind, node.mode];
  if (node.kind !== 'file') return [node.path, node.kind, node.target];
  const found = sha256OfFile(join(directory, node.path));
  if ((expected.get(node.path) ?? found) !== found) throw changed(node.path);
  return [node.path, node.kind, node.mode, found];
}

function changed(path: string): AgentError {
  return new AgentError('io', `${path.slice(path.indexOf('/') + 1)} changed while it was read`, {
    left: 'Nothing was built.',
    next: 'Run the command again when nothing writes to the sources.',
    retryable: true,
  });
}
