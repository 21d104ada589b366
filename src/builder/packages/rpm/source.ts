import { join } from 'node:path';

import { AgentError } from '../../../core/errors.ts';
import type { Clock } from '../../../host/clock.ts';
import type { PipingExec } from '../../../host/exec.ts';
import { shown, type Http } from '../../../host/http.ts';
import type { Progress } from '../../../host/progress.ts';
import type { RpmRepository } from '../../targets/target.ts';
import { largestDistance, nearestNames } from '../nearest.ts';
import { fetchPackageFile } from '../package-cache.ts';
import type { LibraryNeed, LocalPackage, PackageRequest, PackageSource, SelectedPackage } from '../packages.ts';
import { inParallel } from '../parallel.ts';
import { findInFileLists, type FoundFiles } from './file-lists.ts';
import { openIndexDatabase, type IndexDatabase } from './index-database.ts';
import { readRepository, type ReadRepository } from './repository.ts';
import { selectPackages, type Catalogue, type Origin } from './select.ts';
import { verifyPackage } from './signature.ts';
import { compareVersions } from './version.ts';

export interface RpmSourceOptions {
  /** In the order of the target: of equal versions, the first repository's is taken. */
  readonly repositories: readonly RpmRepository[];
  /** rpm's name of the native architecture: `x86_64`. */
  readonly architecture: string;
  /** Holds `indexes/` and `packages/`; safe to delete at any time. */
  readonly cacheDirectory: string;
  readonly http: Http;
  readonly exec: PipingExec;
  readonly clock: Clock;
  readonly progress: Progress;
  /** For how many milliseconds package lists are used without asking the server for newer ones; 1 hour, 0 asks always. */
  readonly maxAge?: number;
  /** Whether only what is in the cache is used. */
  readonly offline?: boolean;
  /** How the archive in a package file is read. */
  readonly entries: PackageSource['entries'];
}

type Settings = Required<RpmSourceOptions> & { readonly directory: string };

const hour = 3_600_000;
const atOnce = 4;

interface OpenRepository extends ReadRepository {
  readonly origin: Origin;
  readonly database: IndexDatabase;
}

/** The rpm repositories of a target, verified from repomd.xml down to every package file. */
export function createRpmSource(options: RpmSourceOptions): PackageSource {
  const directory = join(options.cacheDirectory, 'indexes');
  const settings: Settings = { maxAge: hour, offline: false, ...options, directory };
  /** What the bases of repositories are known by, since a mirror may be another one each time it is asked for. */
  const known = new Map<string, ReadRepository>();
  const read = async (signal?: AbortSignal): Promise<readonly ReadRepository[]> => {
    const repositories = await inParallel(
      settings.repositories,
      atOnce,
      (repository, stop) => readRepository(settings, repository, stop),
      signal,
    );
    for (const repository of repositories) known.set(shown(repository.base), repository);
    return repositories;
  };
  return {
    entries: options.entries,
    select: async (requests, signal) =>
      withIndexes(await read(signal), async (indexes) => {
        const files = await findInFileLists(settings, indexes, unlisted(requests, indexes), signal);
        return selectPackages(requests, catalogueOf(indexes, files), settings.architecture);
      }),
    fetch: async (packages, signal) => {
      if (packages.some((pkg) => originOf(known, pkg) === undefined)) await read(signal);
      const fetch = (pkg: SelectedPackage, stop: AbortSignal) =>
        fetchVerified(settings, pkg, originOf(known, pkg), stop);
      return await inParallel(packages, atOnce, fetch, signal);
    },
    providersOf: async (needs, signal) =>
      withIndexes(await read(signal), (indexes) => Promise.resolve(providersOf(needs, indexes, settings.architecture))),
  };
}

async function withIndexes<T>(
  repositories: readonly ReadRepository[],
  use: (indexes: readonly OpenRepository[]) => Promise<T>,
): Promise<T> {
  using open = new DisposableStack();
  const indexes = repositories.map((repository, rank) => {
    const database = openIndexDatabase(repository.databasePath);
    open.defer(() => {
      database.close();
    });
    return { ...repository, database, origin: { uri: shown(repository.base), rank } };
  });
  return await use(indexes);
}

/** The files that are asked for and that no package list itself knows: filelists.xml is large, and read only for them. */
function unlisted(requests: readonly PackageRequest[], indexes: readonly OpenRepository[]): ReadonlySet<string> {
  const paths = requests.map(({ name }) => name).filter((name) => name.startsWith('/'));
  const isKnown = (path: string) =>
    indexes.some(({ database }) => database.owners(path).length > 0 || database.providers(path).length > 0);
  return new Set(paths.filter((path) => !isKnown(path)));
}

function catalogueOf(indexes: readonly OpenRepository[], files: FoundFiles): Catalogue {
  const all = <T>(find: (index: OpenRepository) => readonly T[]) =>
    indexes.flatMap((index) => find(index).map((found) => ({ ...found, origin: index.origin })));
  return {
    packages: (name) => all(({ database }) => database.packages(name)),
    providers: (name) => all(({ database }) => database.providers(name)),
    owners: (path) =>
      all(({ database, origin }) => {
        const listed = database.owners(path);
        const sums = listed.length > 0 ? [] : (files.get(origin.rank)?.get(path) ?? []);
        return [...listed, ...sums.flatMap((sum) => database.byChecksum(sum))];
      }),
    nearest: (name) => {
      const reach = largestDistance(name);
      const names = indexes.flatMap(({ database }) => database.names(name.length - reach, name.length + reach));
      return nearestNames(name, names);
    },
  };
}

/** The repository that a package is of: the one with the longest base that its address begins with. */
function originOf(known: ReadonlyMap<string, ReadRepository>, { url }: SelectedPackage): ReadRepository | undefined {
  const bases = [...known.keys()].filter((base) => url.startsWith(`${base}/`));
  const [longest] = bases.sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : known.get(longest);
}

/** Brings a package file here; each time it is held against the keys of its own repository, and no other's. */
async function fetchVerified(
  settings: Settings,
  pkg: SelectedPackage,
  origin: ReadRepository | undefined,
  signal: AbortSignal,
): Promise<LocalPackage> {
  if (origin === undefined)
    throw new AgentError('verification-failed', `${pkg.url} is in none of the repositories of the target`);
  const address = origin.base + pkg.url.slice(shown(origin.base).length);
  const local = await fetchPackageFile(settings, pkg, { address, ending: 'rpm' }, signal);
  if (origin.repository.gpgcheck) await verifyPackage(local, origin.keys);
  return local;
}

/** rpm's dependency generator writes a shared library so: `libonig.so.5()(64bit)`, without the mark for 32 bits. */
function providersOf(
  needs: readonly LibraryNeed[],
  indexes: readonly OpenRepository[],
  architecture: string,
): ReadonlyMap<string, readonly string[]> {
  const found = needs.map(({ library, bits }) => {
    const capability = bits === 64 ? `${library}()(64bit)` : library;
    const providers = indexes
      .flatMap(({ database }) => database.providers(capability))
      .filter((pkg) => pkg.modular === 0 && (pkg.architecture === architecture || pkg.architecture === 'noarch'))
      .sort((a, b) => a.name.length - b.name.length || compareVersions(b.version, a.version));
    return [library, [...new Set(providers.map(({ name }) => name))]] as const;
  });
  return new Map(found.filter(([, names]) => names.length > 0));
}
