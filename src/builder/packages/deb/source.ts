import { join } from 'node:path';

import type { Clock } from '../../../host/clock.ts';
import type { PipingExec } from '../../../host/exec.ts';
import { shown, type Http } from '../../../host/http.ts';
import type { Progress } from '../../../host/progress.ts';
import type { DebRepository } from '../../targets/target.ts';
import type { LocalPackage, PackageSource, SelectedPackage } from '../packages.ts';
import { fetchPackageFile } from '../package-cache.ts';
import { openIndexDatabase, type IndexDatabase } from './index-database.ts';
import { largestDistance, nearestNames } from '../nearest.ts';
import { inParallel } from '../parallel.ts';
import { findProviders } from './providers.ts';
import { selectPackages, type Catalogue, type Origin } from './select.ts';
import { readSuite } from './suite.ts';

export interface DebSourceOptions {
  /** In the order of the target: of equal versions, the first repository's is taken. */
  readonly repositories: readonly DebRepository[];
  /** Debian's name of the native architecture: `amd64`. */
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

type Settings = Required<DebSourceOptions>;

const hour = 3_600_000;
const atOnce = 4;

/** The Debian repositories of a target, verified from the signature down to every package file. */
export function createDebSource(options: DebSourceOptions): PackageSource {
  const settings: Settings = { maxAge: hour, offline: false, ...options };
  return {
    entries: options.entries,
    select: async (requests, signal) => {
      const indexes = await openIndexes(settings, signal);
      try {
        return selectPackages(requests, catalogueOf(indexes), settings.architecture);
      } finally {
        for (const { database } of indexes) database.close();
      }
    },
    providersOf: async (needs, signal) => {
      const indexes = await openIndexes(settings, signal);
      try {
        return await findProviders(needs, {
          dependsOf: ({ name, version, architecture }) =>
            indexes.map(({ database }) => database.dependsOf(name, version, architecture)).join(', '),
          select: (name) =>
            selectPackages([{ name, constraints: [] }], catalogueOf(indexes), settings.architecture).slice(0, 1),
          open: async (pkg) => {
            const stop = signal ?? new AbortController().signal;
            return options.entries(await fetchPackage(settings, pkg, stop), signal);
          },
        });
      } finally {
        for (const { database } of indexes) database.close();
      }
    },
    fetch: (packages, signal) => inParallel(packages, atOnce, (pkg, stop) => fetchPackage(settings, pkg, stop), signal),
  };
}

interface OpenIndex {
  readonly origin: Origin;
  readonly database: IndexDatabase;
}

async function openIndexes(settings: Settings, signal?: AbortSignal): Promise<OpenIndex[]> {
  const { repositories, architecture, cacheDirectory } = settings;
  const cache = { ...settings, directory: join(cacheDirectory, 'indexes') };
  const suites = repositories.flatMap((repository) =>
    repository.suites.map((suite) => ({ repository, suite, architecture })),
  );
  const paths = await inParallel(suites, atOnce, (suite, stop) => readSuite(cache, suite, stop), signal);
  return suites.flatMap(({ repository, suite }, rank) =>
    (paths[rank] ?? []).map((path) => ({
      origin: { uri: shown(repository.uri), suite, rank },
      database: openIndexDatabase(path),
    })),
  );
}

function catalogueOf(indexes: readonly OpenIndex[]): Catalogue {
  return {
    packages: (name) =>
      indexes.flatMap(({ origin, database }) => database.packages(name).map((pkg) => ({ ...pkg, origin }))),
    providers: (name) =>
      indexes.flatMap(({ origin, database }) => database.providers(name).map((pkg) => ({ ...pkg, origin }))),
    nearest: (name) => {
      const reach = largestDistance(name);
      const names = indexes.flatMap(({ database }) => database.names(name.length - reach, name.length + reach));
      return nearestNames(name, names);
    },
  };
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
