import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { sameContent } from '../host/content.ts';
import type { Exec } from '../host/exec.ts';
import { makeDirectory, makeTemporaryDirectory, removeTree } from '../host/files.ts';
import { readTar } from '../host/tar.ts';
import { writeTree } from '../host/tree-writer.ts';
import { makeImage } from './image/image.ts';
import { treeUuid } from './image/uuid.ts';
import { judge, latestTime, type SoundEntry } from './tree/judge.ts';
import { merge, treeOf } from './tree/merge.ts';

/**
 * Makes the image of the tree in an archive, as it is: what an extension does not bring, that is all but /usr and /opt, is left
 * out. The archive is not unpacked over anything: see `assemble()`.
 * @param archive an uncompressed tar archive.
 * @param output where the image goes; a directory for the work is made beside it.
 * @throws AgentError `content-refused` with every entry that no image may have, and those of making images.
 */
export async function imageOfArchive(archive: string, output: string, exec: Exec, signal?: AbortSignal): Promise<void> {
  const { entries, refusals } = judge(readTar(archive));
  const merged = merge([{ owner: 'the archive', nodes: entries.filter(isOfExtension) }], sameContent);
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

function isOfExtension({ path }: SoundEntry): boolean {
  return /^(usr|opt)(\/|$)/.test(path);
}

function newest(nodes: readonly SoundEntry[]): number {
  return nodes.reduce((most, { mtime }) => Math.max(most, Math.min(mtime, latestTime)), 0);
}

function refuse(refusals: readonly string[]): void {
  if (refusals.length === 0) return;
  throw new AgentError('content-refused', 'the archive holds what no image may have', {
    facts: refusals,
    left: 'Nothing was unpacked.',
    next: 'Report this to who published it.',
  });
}
