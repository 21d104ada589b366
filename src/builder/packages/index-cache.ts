import { basename, join } from 'node:path';

import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import type { PipingExec } from '../../host/exec.ts';
import {
  fileStatus,
  listNames,
  makeDirectory,
  piecesOf,
  readTextIfAny,
  removeTree,
  renameDurably,
  temporaryBeside,
} from '../../host/files.ts';
import { shown, type Http, type WantedFile } from '../../host/http.ts';
import { removeLeftovers } from '../../host/leftovers.ts';
import type { Progress } from '../../host/progress.ts';
import { unpack, type Compression } from '../../host/unpack.ts';
import { parseState } from './state.ts';

/** The most that an index may unpack to whose unpacked size nobody says, in bytes. */
const mostUnpacked = 2 * 1024 ** 3;

/** A file that a signed document vouches for. */
export interface ListedFile {
  /** Relative to the place of that document: `main/binary-amd64/Packages.gz`, `repodata/primary.xml.zst`. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** What a family makes of its indexes. */
export interface IndexFormat {
  /** Part of the file names of its databases, with the version of their tables. */
  readonly name: string;
  /** Writes an unpacked index into a new database file. */
  build(path: string, pieces: Iterable<Uint8Array>): void;
}

/** An index as it is fetched and unpacked. */
export interface PackedIndex {
  readonly compression: Compression;
  readonly packed: ListedFile;
  /** The unpacked file, where it is vouched for as well. */
  readonly plain: ListedFile | undefined;
}

/** Where the database of an index is kept. */
export function indexDatabasePath(directory: string, digest: string, { name }: IndexFormat): string {
  return join(directory, `${digest}.${name}.sqlite`);
}

export interface RemoteIndex extends PackedIndex {
  /** The directory that paths are relative to, with credentials if it has any. */
  readonly directoryUrl: string;
  /** Paths that the server may have the file under, to be tried in this order. */
  readonly paths: readonly string[];
  readonly format: IndexFormat;
}

/** Where indexes are kept, and how they get there. */
export interface IndexCache {
  readonly directory: string;
  readonly http: Http;
  readonly exec: PipingExec;
  readonly clock: Clock;
  readonly progress: Progress;
  /** For how many milliseconds what the server said is taken as its present word; 0 asks it every time. */
  readonly maxAge: number;
  /** Whether only the cache is used. */
  readonly offline: boolean;
}

/**
 * Makes the database of an index unless it is there.
 * @returns the digest that it is kept by.
 * @throws AgentError `verification-failed` where the index is not the one that was vouched for.
 */
export async function ensureIndexDatabase(
  cache: IndexCache,
  index: RemoteIndex,
  signal?: AbortSignal,
): Promise<string> {
  const digest = digestOf(index);
  const path = indexDatabasePath(cache.directory, digest, index.format);
  if (fileStatus(path) !== undefined) return digest;
  if (cache.offline)
    throw new AgentError('network', `${shown(index.directoryUrl)}/${index.packed.path} is not in the cache`, {
      next: 'Run the command once without --offline.',
    });
  // A name of its own for every process: another one may be making the same database.
  const packed = temporaryBeside(join(cache.directory, basename(index.packed.path)));
  const unfinished = temporaryBeside(path);
  try {
    makeDirectory(cache.directory);
    await fetchIndex(cache, index, { ...index.packed, path: packed }, signal);
    await convert(cache, index, packed, unfinished, signal);
    renameDurably(unfinished, path);
  } finally {
    removeTree(packed);
    removeTree(unfinished);
  }
  return digest;
}

/** What the database of an index is kept by. */
function digestOf({ plain, packed }: PackedIndex): string {
  return (plain ?? packed).sha256;
}

async function fetchIndex(
  cache: IndexCache,
  index: RemoteIndex,
  file: WantedFile,
  signal?: AbortSignal,
): Promise<void> {
  const options = { progress: cache.progress, ...(signal === undefined ? {} : { signal }) };
  for (const path of index.paths.slice(0, -1)) {
    try {
      await cache.http.download(`${index.directoryUrl}/${path}`, file, options);
      return;
    } catch (error) {
      // Archives announce by-hash that their mirrors do not always copy: apt tries the plain name then, too.
      if (!isAgentError(error, 'no-such-file')) throw error;
    }
  }
  await cache.http.download(`${index.directoryUrl}/${index.paths.at(-1) ?? index.packed.path}`, file, options);
}

/** Unpacks an index, holds it against what the Release file says of it, and makes the database of it. */
async function convert(
  cache: IndexCache,
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
    const options = { exec: cache.exec, limit, ...(signal === undefined ? {} : { signal }) };
    const digest = await unpack(whole, compression, text, options).catch((error: unknown) => {
      throw isAgentError(error, 'content-refused') ? notAsPromised(directoryUrl, packed, [error.message]) : error;
    });
    if (plain !== undefined && digest !== plain.sha256) {
      throw notAsPromised(directoryUrl, packed, [`expected: sha256 ${plain.sha256}`, `found:    sha256 ${digest}`]);
    }
    index.format.build(to, piecesOf(text));
  } finally {
    removeTree(text);
  }
}

function notAsPromised(directoryUrl: string, packed: ListedFile, facts: readonly string[]): AgentError {
  const name = `${shown(directoryUrl)}/${packed.path}`;
  return new AgentError('verification-failed', `${name} does not unpack to the index that was promised`, {
    unverified: 'digest',
    facts,
    left: 'The package lists in the cache were left as they were.',
  });
}

/**
 * Removes the databases that a repository no longer uses, unless another one does, those in older formats, and what
 * killed processes left.
 */
export function removeSuperseded(directory: string, before: readonly string[], format: IndexFormat, now: Date): void {
  const names = listNames(directory);
  const states = names
    .filter((name) => name.endsWith('.json'))
    .map((name) => parseState(readTextIfAny(join(directory, name)) ?? ''));
  const used = new Set(states.flatMap((state) => state?.indexes ?? []));
  for (const digest of before) if (!used.has(digest)) removeTree(indexDatabasePath(directory, digest, format));
  for (const name of names) if (isOfOlderFormat(name, format)) removeTree(join(directory, name));
  removeLeftovers(directory, now);
}

/** Whether a database is of the same family in a format before this one: nothing reads it any more. */
function isOfOlderFormat(fileName: string, format: IndexFormat): boolean {
  const [, family, version] = /^[0-9a-f]{64}\.(\D*)(\d+)\.sqlite$/.exec(fileName) ?? [];
  const [, ownFamily, ownVersion] = /^(\D*)(\d+)$/.exec(format.name) ?? [];
  return version !== undefined && family === ownFamily && Number(version) < Number(ownVersion);
}
