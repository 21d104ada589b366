import { basename, dirname, join } from 'node:path';

import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { PipingExec } from '../../../host/exec.ts';
import {
  fileStatus,
  listNames,
  makeDirectory,
  piecesOf,
  readTextIfAny,
  removeTree,
  renameDurably,
  temporaryBeside,
} from '../../../host/files.ts';
import { shown, type Http, type WantedFile } from '../../../host/http.ts';
import { removeLeftovers } from '../../../host/leftovers.ts';
import type { Progress } from '../../../host/progress.ts';
import { unpack } from '../../../host/unpack.ts';
import { buildIndexDatabase, databaseFormat } from './index-database.ts';
import type { ListedFile, PackagesIndex } from './release.ts';
import { parseState } from './state.ts';

/** The most that an index may unpack to whose Release file does not say, in bytes. */
const mostUnpacked = 2 * 1024 ** 3;

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
  readonly exec: PipingExec;
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
    makeDirectory(means.directory);
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

/** Unpacks an index, holds it against what the Release file says of it, and makes the database of it. */
async function convert(
  means: Means,
  index: RemoteIndex,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const { compression, plain, packed, directoryUrl } = index;
  const text = temporaryBeside(`${from}.text`);
  try {
    const whole = { path: from, offset: 0, length: packed.size };
    const limit = plain?.size ?? mostUnpacked;
    const options = { exec: means.exec, limit, ...(signal === undefined ? {} : { signal }) };
    const digest = await unpack(whole, compression, text, options).catch((error: unknown) => {
      throw isAgentError(error, 'content-refused') ? notAsPromised(directoryUrl, packed, [error.message]) : error;
    });
    if (plain !== undefined && digest !== plain.sha256) {
      throw notAsPromised(directoryUrl, packed, [`expected: sha256 ${plain.sha256}`, `found:    sha256 ${digest}`]);
    }
    buildIndexDatabase(to, piecesOf(text));
  } finally {
    removeTree(text);
  }
}

function notAsPromised(directoryUrl: string, packed: ListedFile, facts: readonly string[]): AgentError {
  const name = `${shown(directoryUrl)}/${packed.path}`;
  return new AgentError('verification-failed', `${name} does not unpack to the index that was promised`, {
    facts,
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
  removeLeftovers(directory, now);
}
