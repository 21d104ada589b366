import { join } from 'node:path';

import { AgentError } from '../../../core/errors.ts';
import { readXml } from '../../../core/xml.ts';
import { sha256OfFile } from '../../../host/digest.ts';
import { fileStatus, makeDirectory, piecesOf, removeTree, temporaryBeside } from '../../../host/files.ts';
import { unpack } from '../../../host/unpack.ts';
import type { IndexCache, PackedIndex } from '../index-cache.ts';
import { fileListsReader } from './primary.ts';
import type { ReadRepository } from './repository.ts';

/** By the rank of the repository and the path of a file: the sha256 of every package that has it. */
export type FoundFiles = ReadonlyMap<number, ReadonlyMap<string, readonly string[]>>;

/** The most that a list of files may unpack to of which nobody says, in bytes. */
const mostUnpacked = 4 * 1024 ** 3;

/**
 * Looks for files in filelists.xml of each repository, which is fetched only where something is looked for, and kept
 * as it came.
 * @throws AgentError `network`, `verification-failed`
 */
export async function findInFileLists(
  cache: IndexCache,
  repositories: readonly ReadRepository[],
  wanted: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<FoundFiles> {
  const found = new Map<number, ReadonlyMap<string, readonly string[]>>();
  if (wanted.size === 0) return found;
  for (const [rank, { base, repomd }] of repositories.entries())
    if (repomd.filelists !== undefined) found.set(rank, await search(cache, base, repomd.filelists, wanted, signal));
  return found;
}

async function search(
  cache: IndexCache,
  base: string,
  index: PackedIndex,
  wanted: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const path = await packedList(cache, base, index, signal);
  const text = temporaryBeside(`${path}.text`);
  try {
    const limit = index.plain?.size ?? mostUnpacked;
    const options = { exec: cache.exec, limit, ...(signal === undefined ? {} : { signal }) };
    const digest = await unpack({ path, offset: 0, length: index.packed.size }, index.compression, text, options);
    if (index.plain !== undefined && digest !== index.plain.sha256) throw malformed('it is not the one promised');
    return scan(text, wanted);
  } finally {
    removeTree(text);
  }
}

/** The packed list, from the cache where it has it. */
async function packedList(
  cache: IndexCache,
  base: string,
  { packed }: PackedIndex,
  signal?: AbortSignal,
): Promise<string> {
  const path = join(cache.directory, `${packed.sha256}.filelists`);
  if (fileStatus(path) !== undefined && sha256OfFile(path) === packed.sha256) return path;
  if (cache.offline)
    throw new AgentError('network', `the list of all files of ${base} is not in the cache`, {
      next: 'Run the command once without --offline.',
    });
  makeDirectory(cache.directory);
  removeTree(path);
  const options = { progress: cache.progress, ...(signal === undefined ? {} : { signal }) };
  await cache.http.download(`${base}/${packed.path}`, { ...packed, path }, options);
  return path;
}

function scan(path: string, wanted: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const take = (file: string, sum: string): void => {
    found.set(file, [...(found.get(file) ?? []), sum]);
  };
  readXml(fileListsReader(wanted, take, malformed), piecesOf(path));
  return found;
}

function malformed(why: string): AgentError {
  return new AgentError('verification-failed', `the list of files of the repository is malformed: ${why}`);
}
