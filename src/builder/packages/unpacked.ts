import { join } from 'node:path';

import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Range } from '../../host/content.ts';
import type { PipingExec } from '../../host/exec.ts';
import { sha256OfFile } from '../../host/digest.ts';
import { listNames, makeDirectory, removeTree, rename, temporaryBeside } from '../../host/files.ts';
import { unpack, type Compression } from '../../host/unpack.ts';
import type { LocalPackage } from './packages.ts';

export interface ArchiveOptions {
  readonly exec: PipingExec;
  /** Unpacked archives are kept in its directory `unpacked`. */
  readonly cacheDirectory: string;
  readonly signal?: AbortSignal;
}

/** The archive inside of a package file. */
export interface PackedArchive {
  readonly range: Range;
  readonly compression: Compression;
}

/** The largest packages unpack to some gigabytes, and the best compressed ones to some hundred times their size. */
const mostUnpacked = 8 * 1024 ** 3;
const mostRatio = 1000;
const anywayUnpacked = 16 * 1024 ** 2;

/**
 * The unpacked archive of a package, as `unpacked/<sha256 of the package>-<sha256 of the archive>.<ending>`: unpacked
 * once and kept. A kept one is used only if its bytes still have that sha256; others are removed.
 * @param locate finds the archive in the package file, where it has to be unpacked.
 * @returns its path.
 */
export async function unpackedArchive(
  pkg: LocalPackage,
  ending: string,
  locate: () => PackedArchive,
  options: ArchiveOptions,
): Promise<string> {
  const directory = join(options.cacheDirectory, 'unpacked');
  const pathOf = (sha256: string) => join(directory, `${pkg.sha256}-${sha256}.${ending}`);
  const kept = listNames(directory).filter((name) => name.startsWith(`${pkg.sha256}-`));
  const intact = kept.map((name) => join(directory, name)).find((path) => isIntact(path, pathOf));
  if (intact !== undefined) return intact;
  const { range, compression } = locate();
  makeDirectory(directory);
  const temporary = temporaryBeside(pathOf(''));
  const sha256 = await unpack(range, compression, temporary, {
    exec: options.exec,
    limit: Math.min(mostUnpacked, Math.max(anywayUnpacked, range.length * mostRatio)),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  rename(temporary, pathOf(sha256));
  return pathOf(sha256);
}

function isIntact(path: string, pathOf: (sha256: string) => string): boolean {
  const intact = path === pathOf(sha256OfFile(path));
  if (!intact) removeTree(path);
  return intact;
}

/** What `read` returns; where contents are refused, the error names the package. */
export async function naming<T>({ name, version }: LocalPackage, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isAgentError(error, 'content-refused')) throw error;
    throw new AgentError('content-refused', `the package ${name} ${version} is refused: ${error.message}`, {
      ...error.details,
      cause: error,
    });
  }
}
