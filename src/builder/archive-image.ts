import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { sameContent } from '../host/content.ts';
import type { Exec } from '../host/exec.ts';
import { makeDirectory, makeTemporaryDirectory, removeTree } from '../host/files.ts';
import { readTar } from '../host/tar.ts';
import { writeTree } from '../host/tree-writer.ts';
import { makeImage } from './image/image.ts';
import { treeUuid } from './image/uuid.ts';
import { createContainerTree } from './tree/container-tree.ts';
import { judge, latestTime, type Judgement, type SoundEntry } from './tree/judge.ts';
import { merge, treeOf } from './tree/merge.ts';

/**
 * Makes the image of the tree in archives, as it is: what an extension does not bring, that is all but /usr and /opt, is left
 * out. No archive is unpacked over anything: see `assemble()`. Extensions of Talos have their tree in `rootfs`.
 * @param archives uncompressed tar archives, each a layer over those before it.
 * @param output where the image goes; a directory for the work is made beside it.
 * @throws AgentError `content-refused` with every entry that no image may have, and those of making images.
 */
export async function imageOfArchives(
  archives: readonly string[],
  output: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<void> {
  const [only = '', ...others] = archives;
  const { entries, refusals } = others.length === 0 ? judge(readTar(only)) : layered(archives);
  const nodes = withoutTalos(entries).filter(isOfExtension);
  const merged = merge([{ owner: others.length === 0 ? 'the archive' : 'the layers', nodes }], sameContent);
  refuse([...refusals, ...merged.refusals]);
  const tree = treeOf(merged.nodes, newest(merged.nodes));
  const work = makeTemporaryDirectory(join(output, '..'));
  try {
    const directory = join(work, 'tree');
    makeDirectory(directory);
    writeTree(directory, tree);
    await makeImage({ directory, output, uuid: treeUuid(tree), timestamp: tree.timestamp }, 'erofs', exec, signal);
  } finally {
    removeTree(work);
  }
}

/**
 * What layers are together. A hard link may be to a file of a layer below; everything else is judged as that of one archive,
 * before anything is made of it.
 */
function layered(archives: readonly string[]): Judgement {
  const tree = createContainerTree(({ mtime }) => Math.min(Math.max(mtime, 0), latestTime));
  const refusals: string[] = [];
  for (const archive of archives) {
    const entries = readTar(archive);
    const found = judge(entries.filter(({ kind }) => kind !== 'hardlink')).refusals;
    refusals.push(...found);
    if (found.length === 0) tree.apply(entries);
  }
  return { entries: [...tree.entries.values()], refusals };
}

const talos = { description: 'manifest.yaml', tree: 'rootfs' };

/** The tree itself, where it lies in a directory beside its description. */
function withoutTalos(entries: readonly SoundEntry[]): readonly SoundEntry[] {
  if (!entries.some(({ path, kind }) => path === talos.description && kind === 'file')) return entries;
  const above = `${talos.tree}/`;
  return entries.flatMap((entry) =>
    entry.path.startsWith(above) ? [{ ...entry, path: entry.path.slice(above.length) }] : [],
  );
}

function isOfExtension({ path }: SoundEntry): boolean {
  return /^(usr|opt)(\/|$)/.test(path);
}

function newest(nodes: readonly SoundEntry[]): number {
  return nodes.reduce((most, { mtime }) => Math.max(most, Math.min(mtime, latestTime)), 0);
}

function refuse(refusals: readonly string[]): void {
  if (refusals.length === 0) return;
  throw new AgentError('content-refused', 'what was fetched holds what no image may have', {
    facts: refusals,
    left: 'Nothing was unpacked.',
    next: 'Report this to who published it.',
  });
}
