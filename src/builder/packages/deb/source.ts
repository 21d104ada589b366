import { sha256 } from '../../../host/digest.ts';
import { shown } from '../../../host/http.ts';
import type { DebRepository } from '../../targets/target.ts';
import type { Origin } from '../candidates.ts';
import { catalogueOf, withIndexes, type OpenIndex } from '../catalogue.ts';
import { fetchPackageFile } from '../package-cache.ts';
import type { LibraryNeed, LocalPackage, PackageSource, SelectedPackage } from '../packages.ts';
import { inParallel } from '../../../core/parallel.ts';
import { atOnce, settingsOf, type SourceOptions, type SourceSettings } from '../settings.ts';
import { withDependencies } from './dependencies.ts';
import { openIndexDatabase, type DebDatabase } from './index-database.ts';
import { findProviders } from './providers.ts';
import { selectPackages } from './select.ts';
import { readSuite } from './suite.ts';

export type DebSourceOptions = SourceOptions<DebRepository>;
type Settings = SourceSettings<DebRepository>;
type Indexes = readonly OpenIndex<DebDatabase>[];

/** The Debian repositories of a target, verified from the signature down to every package file. */
export function createDebSource(options: DebSourceOptions): PackageSource {
  const settings = settingsOf(options);
  const { entries, architecture } = settings;
  return {
    entries,
    select: async (requests, signal) =>
      withIndexes(await openIndexes(settings, signal), (indexes) =>
        selectPackages(requests, catalogueOf(indexes), architecture),
      ),
    providersOf: async (needs, signal) =>
      withIndexes(await openIndexes(settings, signal), (indexes) => providersOf(settings, needs, indexes, signal)),
    fingerprint: async (signal) =>
      sha256((await indexPaths(settings, signal)).flatMap(({ paths }) => paths).join('\n')),
    withDependencies: async (names, signal) =>
      withIndexes(await openIndexes(settings, signal), (indexes) => {
        const catalogue = catalogueOf(indexes);
        return withDependencies(names, {
          select: (name) => selectPackages([{ name, constraints: [] }], catalogue, architecture)[0],
          dependsOf: (pkg) => dependsOf(indexes, pkg),
        });
      }),
    fetch: (packages, signal) => inParallel(packages, atOnce, (pkg, stop) => fetchPackage(settings, pkg, stop), signal),
  };
}

interface SuiteIndexes {
  readonly origin: Origin;
  readonly paths: readonly string[];
}

/** The databases of each suite, in order. */
async function indexPaths(settings: Settings, signal?: AbortSignal): Promise<readonly SuiteIndexes[]> {
  const { repositories, architecture } = settings;
  const suites = repositories.flatMap((repository) =>
    repository.suites.map((suite) => ({ repository, suite, architecture })),
  );
  const read = await inParallel(suites, atOnce, (suite, stop) => readSuite(settings, suite, stop), signal);
  return suites.map(({ repository, suite }, rank) => ({
    origin: { uri: shown(repository.uri), suite, rank },
    paths: read[rank] ?? [],
  }));
}

async function openIndexes(settings: Settings, signal?: AbortSignal): Promise<Indexes> {
  return (await indexPaths(settings, signal)).flatMap(({ origin, paths }) =>
    paths.map((path) => ({ origin, database: openIndexDatabase(path) })),
  );
}

/** The dependency fields of a package, as one. */
function dependsOf(indexes: Indexes, { name, version, architecture }: SelectedPackage): string {
  return indexes.map(({ database }) => database.dependsOf(name, version, architecture)).join(', ');
}

function providersOf(
  settings: Settings,
  needs: readonly LibraryNeed[],
  indexes: Indexes,
  signal = new AbortController().signal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const catalogue = catalogueOf(indexes);
  return findProviders(needs, {
    dependsOf: (pkg) => dependsOf(indexes, pkg),
    select: (name) => selectPackages([{ name, constraints: [] }], catalogue, settings.architecture).slice(0, 1),
    open: async (pkg) => settings.entries(await fetchPackage(settings, pkg, signal), signal),
  });
}

function fetchPackage(settings: Settings, pkg: SelectedPackage, signal: AbortSignal): Promise<LocalPackage> {
  const address = withCredentials(settings.repositories, pkg.url);
  return fetchPackageFile(settings, pkg, { address, ending: 'deb' }, signal);
}

/** Puts back the credentials that the address of a package is shown and recorded without. */
function withCredentials(repositories: readonly DebRepository[], url: string): string {
  const of = repositories.find(({ uri }) => url.startsWith(`${shown(uri)}/`));
  return of === undefined ? url : of.uri + url.slice(shown(of.uri).length);
}
