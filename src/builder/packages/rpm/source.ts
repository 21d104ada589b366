import { AgentError } from '../../../core/errors.ts';
import { sha256 } from '../../../host/digest.ts';
import { shown } from '../../../host/http.ts';
import type { RpmRepository } from '../../targets/target.ts';
import { catalogueOf, offered, withIndexes, type OpenIndex } from '../catalogue.ts';
import { fetchPackageFile } from '../package-cache.ts';
import type { LibraryNeed, LocalPackage, PackageRequest, PackageSource, SelectedPackage } from '../packages.ts';
import { inParallel } from '../../../core/parallel.ts';
import { atOnce, settingsOf, type SourceOptions, type SourceSettings } from '../settings.ts';
import { findInFileLists, type FoundFiles } from './file-lists.ts';
import { openIndexDatabase, type RpmDatabase } from './index-database.ts';
import { readRepository, type ReadRepository } from './repository.ts';
import { fitting, selectPackages, type RpmCatalogue } from './select.ts';
import { verifyPackage } from './signature.ts';
import { compareVersions } from './version.ts';

export type RpmSourceOptions = SourceOptions<RpmRepository>;
type Settings = SourceSettings<RpmRepository>;
type OpenRepository = ReadRepository & OpenIndex<RpmDatabase>;

/** The rpm repositories of a target, verified from repomd.xml down to every package file. */
export function createRpmSource(options: RpmSourceOptions): PackageSource {
  const settings = settingsOf(options);
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
      withIndexes(opened(await read(signal)), async (indexes) => {
        const files = await findInFileLists(settings, indexes, unlisted(requests, indexes), signal);
        return selectPackages(requests, withFiles(indexes, files), settings.architecture);
      }),
    fingerprint: async (signal) => sha256((await read(signal)).map(({ databasePath }) => databasePath).join('\n')),
    fetch: async (packages, signal) => {
      if (packages.some((pkg) => originOf(known, pkg) === undefined)) await read(signal);
      const fetch = (pkg: SelectedPackage, stop: AbortSignal) =>
        fetchVerified(settings, pkg, originOf(known, pkg), stop);
      return await inParallel(packages, atOnce, fetch, signal);
    },
    providersOf: async (needs, signal) =>
      withIndexes(opened(await read(signal)), (indexes) => providersOf(needs, indexes, settings.architecture)),
  };
}

function opened(repositories: readonly ReadRepository[]): readonly OpenRepository[] {
  return repositories.map((repository, rank) => ({
    ...repository,
    database: openIndexDatabase(repository.databasePath),
    origin: { uri: shown(repository.base), rank },
  }));
}

/** The files that are asked for and that no package list itself knows: filelists.xml is large, and read only for them. */
function unlisted(requests: readonly PackageRequest[], indexes: readonly OpenRepository[]): ReadonlySet<string> {
  const paths = requests.map(({ name }) => name).filter((name) => name.startsWith('/'));
  const isKnown = (path: string) =>
    indexes.some(({ database }) => database.owners(path).length > 0 || database.providers(path).length > 0);
  return new Set(paths.filter((path) => !isKnown(path)));
}

function withFiles(indexes: readonly OpenRepository[], files: FoundFiles): RpmCatalogue {
  return {
    ...catalogueOf(indexes),
    owners: (path) =>
      offered(indexes, ({ database, origin }) => {
        const listed = database.owners(path);
        const sums = listed.length > 0 ? [] : (files.get(origin.rank)?.get(path) ?? []);
        return [...listed, ...sums.flatMap((sum) => database.byChecksum(sum))];
      }),
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
  const fits = fitting(architecture);
  const found = needs.map(({ library, bits }) => {
    const capability = bits === 64 ? `${library}()(64bit)` : library;
    const providers = indexes
      .flatMap(({ database }) => database.providers(capability))
      .filter(fits)
      .sort((a, b) => a.name.length - b.name.length || compareVersions(b.version, a.version));
    return [library, [...new Set(providers.map(({ name }) => name))]] as const;
  });
  return new Map(found.filter(([, names]) => names.length > 0));
}
