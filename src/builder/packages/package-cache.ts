import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { sha256OfFile } from '../../host/digest.ts';
import { fileStatus, removeTree } from '../../host/files.ts';
import type { Http } from '../../host/http.ts';
import type { Progress } from '../../host/progress.ts';
import type { LocalPackage, SelectedPackage } from './packages.ts';

export interface PackageCache {
  /** Package files are kept in its directory `packages`. */
  readonly cacheDirectory: string;
  readonly http: Http;
  readonly progress: Progress;
  /** Whether only what is in the cache is used. */
  readonly offline: boolean;
}

export interface PackageAddress {
  /** Where the file is, with credentials if it has any. */
  readonly address: string;
  /** Of the file's name in the cache: `deb`. */
  readonly ending: string;
}

/**
 * Brings a package file to this host, from the cache where it has it; its sha256 is checked in any case.
 * @throws AgentError `network`, `no-such-file`, `verification-failed`, `disk-full`, `interrupted`
 */
export async function fetchPackageFile(
  cache: PackageCache,
  pkg: SelectedPackage,
  { address, ending }: PackageAddress,
  signal: AbortSignal,
): Promise<LocalPackage> {
  const { sha256, size } = pkg;
  const path = join(cache.cacheDirectory, 'packages', `${sha256}.${ending}`);
  if (isCached(cache, pkg, path)) return { ...pkg, path };
  if (cache.offline) throw notInCache(pkg);
  await cache.http.download(address, { path, sha256, size }, { progress: cache.progress, signal });
  return { ...pkg, path };
}

/** Whether the cache has the package file; one that is not what its name says is removed. */
function isCached({ progress, offline }: PackageCache, { name, sha256 }: SelectedPackage, path: string): boolean {
  if (fileStatus(path) === undefined) return false;
  const found = sha256OfFile(path);
  if (found === sha256) return true;
  removeTree(path);
  if (offline)
    throw new AgentError('verification-failed', `the cached package file of ${name} was damaged`, {
      unverified: 'digest',
      facts: [`expected: sha256 ${sha256}`, `found:    sha256 ${found}`],
      left: `${path} was removed.`,
      next: 'Run the command again without --offline: the file is then fetched anew.',
    });
  progress.warn(`the cached package file of ${name} was damaged; it is fetched again`);
  return false;
}

function notInCache({ name, version }: SelectedPackage): AgentError {
  return new AgentError('network', `${name} ${version} is not in the cache, and the network is not used`, {
    next: 'Run the command once without --offline.',
  });
}
