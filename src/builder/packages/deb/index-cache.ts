import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

import { AgentError, isAgentError } from '../../../core/errors.ts';
import { unpacked } from '../../../host/decompress.ts';
import type { Exec } from '../../../host/exec.ts';
import {
  fileStatus,
  listNames,
  makeDirectory,
  readTextIfAny,
  removeTree,
  renameDurably,
  temporaryBeside,
} from '../../../host/files.ts';
import { shown, type Http, type WantedFile } from '../../../host/http.ts';
import type { Progress } from '../../../host/progress.ts';
import { buildIndexDatabase, databaseFormat } from './index-database.ts';
import type { ListedFile, PackagesIndex } from './release.ts';
import { parseState } from './state.ts';

const day = 86_400_000;

/** Where the database of a Packages file is kept. */
export function indexDatabasePath(directory: string, digest: string): string {
  return join(directory, `${digest}.${databaseFormat}.sqlite`);
}

export interface RemoteIndex extends PackagesIndex {
  /** The directory of the suite, with credentials if it has any. */
  readonly directoryUrl: string;
  /** Whether the server keeps the file under its hash as well, which stays the same while the archive is updated. */
  readonly byHash: boolean;
}

interface Means {
  readonly directory: string;
  readonly http: Http;
  readonly exec: Exec;
  readonly progress: Progress;
  readonly offline: boolean;
}

/**
 * Makes the database of a Packages index unless it is there.
 * @returns the digest that it is kept by.
 * @throws AgentError `verification-failed` where the index is not the one that the Release file vouches for.
 */
export async function ensureIndexDatabase(means: Means, index: RemoteIndex, signal?: AbortSignal): Promise<string> {
  const digest = (index.plain ?? index.packed).sha256;
  const path = indexDatabasePath(means.directory, digest);
  if (fileStatus(path) !== undefined) return digest;
  if (means.offline)
    throw new AgentError('network', `${shown(index.directoryUrl)}/${index.packed.path} is not in the cache`, {
      next: 'Run the command once without --offline.',
    });
  // A name of its own for every process: another one may be making the same database.
  const packed = temporaryBeside(join(means.directory, basename(index.packed.path)));
  const unfinished = temporaryBeside(path);
  try {
    await fetchIndex(means, index, { ...index.packed, path: packed }, signal);
    await convert(means, index, packed, unfinished, signal);
    renameDurably(unfinished, path);
  } finally {
    removeTree(packed);
    removeTree(unfinished);
  }
  return digest;
}

async function fetchIndex(means: Means, index: RemoteIndex, file: WantedFile, signal?: AbortSignal): Promise<void> {
  const options = { progress: means.progress, ...(signal === undefined ? {} : { signal }) };
  const byPath = `${index.directoryUrl}/${index.packed.path}`;
  if (!index.byHash) {
    await means.http.download(byPath, file, options);
    return;
  }
  try {
    await means.http.download(`${dirname(byPath)}/by-hash/SHA256/${file.sha256}`, file, options);
  } catch (error) {
    // Archives announce by-hash that their mirrors do not always copy: apt tries the plain name then, too.
    if (!isAgentError(error, 'no-such-file')) throw error;
    await means.http.download(byPath, file, options);
  }
}

async function convert(
  means: Means,
  { compression, plain, packed, directoryUrl }: RemoteIndex,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  makeDirectory(means.directory);
  const pieces = unpacked(from, compression, means.exec, signal);
  const name = `${shown(directoryUrl)}/${packed.path}`;
  await buildIndexDatabase(to, plain === undefined ? pieces : verified(pieces, plain, name));
}

/** The same pieces; fails at the end, before anything is kept, unless they were the file that was promised. */
async function* verified(
  pieces: AsyncIterable<Uint8Array>,
  { size, sha256 }: ListedFile,
  name: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (total > size) break;
    hash.update(piece);
    yield piece;
  }
  const found = hash.digest('hex');
  if (total === size && found === sha256) return;
  throw new AgentError('verification-failed', `${name} does not unpack to the index that was promised`, {
    facts: [`expected: ${size} bytes, sha256 ${sha256}`, `found:    ${total} bytes, sha256 ${found}`],
    left: 'The package lists in the cache were left as they were.',
  });
}

/** Removes the databases that a suite no longer uses, unless another one does, and what killed processes left. */
export function removeSuperseded(directory: string, before: readonly string[], now: Date): void {
  const names = listNames(directory);
  const states = names
    .filter((name) => name.endsWith('.json'))
    .map((name) => parseState(readTextIfAny(join(directory, name)) ?? ''));
  const used = new Set(states.flatMap((state) => state?.indexes ?? []));
  for (const digest of before) if (!used.has(digest)) removeTree(indexDatabasePath(directory, digest));
  for (const name of names)
    if (name.startsWith('.#') && isAbandoned(join(directory, name), now)) removeTree(join(directory, name));
}

/** No index takes a day to arrive: whoever was writing this file is gone. */
function isAbandoned(path: string, now: Date): boolean {
  const written = fileStatus(path)?.mtime;
  return written !== undefined && now.getTime() - written.getTime() > day;
}
