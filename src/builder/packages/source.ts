import { debianArchitecture, rpmArchitecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import type { BuildHost, BuildRequest } from '../request.ts';
import { inBasearch, repositoriesFor, type DebRepository, type RpmRepository, type Target } from '../targets/target.ts';
import { debEntries } from './deb/archive.ts';
import { createDebSource } from './deb/source.ts';
import type { PackageSource } from './packages.ts';
import { rpmEntries } from './rpm/archive.ts';
import { createRpmSource } from './rpm/source.ts';
import type { ArchiveOptions } from './unpacked.ts';

type MeansOfHost = Pick<BuildHost, 'architecture' | 'cacheDirectory' | 'http' | 'exec' | 'clock' | 'progress'>;

/** What every family works with. */
type Means = MeansOfHost & {
  readonly maxAge?: number;
  readonly offline: boolean;
};

/** The package repositories of a target: the one place that knows which family of packages it has. */
export function packageSourceFor(
  target: Target,
  host: MeansOfHost,
  request: Pick<BuildRequest, 'refresh' | 'offline'>,
): PackageSource {
  const repositories = repositoriesFor(target, host.architecture);
  const deb = repositories.filter((repository) => repository.family === 'deb');
  const rpm = repositories.filter((repository) => repository.family === 'rpm');
  const means: Means = {
    ...host,
    offline: request.offline === true,
    ...(request.refresh === true ? { maxAge: 0 } : {}),
  };
  const [first] = target.repositories;
  const source = first?.family === 'rpm' ? rpmSource(rpm, means) : debSource(deb, means);
  if (source !== undefined) return source;
  throw new AgentError('usage', `the target ${target.name} has no packages for ${host.architecture}`);
}

function debSource(repositories: readonly DebRepository[], means: Means): PackageSource | undefined {
  const architecture = debianArchitecture(means.architecture);
  if (architecture === undefined) return undefined;
  return createDebSource({ ...means, repositories, architecture, entries: entriesBy(debEntries, means) });
}

function rpmSource(repositories: readonly RpmRepository[], means: Means): PackageSource | undefined {
  const architecture = rpmArchitecture(means.architecture);
  if (architecture === undefined) return undefined;
  return createRpmSource({
    ...means,
    repositories: repositories.map((repository) => inBasearch(repository, architecture.basearch)),
    architecture: architecture.name,
    entries: entriesBy(rpmEntries, means),
  });
}

function entriesBy(
  read: (pkg: Parameters<PackageSource['entries']>[0], options: ArchiveOptions) => ReturnType<PackageSource['entries']>,
  { exec, cacheDirectory }: Means,
): PackageSource['entries'] {
  return (pkg, signal) => read(pkg, { exec, cacheDirectory, ...(signal === undefined ? {} : { signal }) });
}
