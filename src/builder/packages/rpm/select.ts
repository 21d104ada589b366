import { ambiguous, chosen, packageUrl, placed, sortedOnce, unknown, unsatisfiable, type Choice } from '../choice.ts';
import type { PackageRequest, SelectedPackage, VersionConstraint } from '../packages.ts';
import type { IndexedPackage, IndexedProvider } from './index-database.ts';
import { compareVersions, satisfiesAll } from './version.ts';

/** Where a candidate is offered: first the first repository, in the order of the target. */
export interface Origin {
  /** Base address of the repository, without credentials. */
  readonly uri: string;
  readonly rank: number;
}

export type Candidate = IndexedPackage & { readonly origin: Origin };
export type Provider = IndexedProvider & { readonly origin: Origin };

/** All indexes of a target, as one. */
export interface Catalogue {
  packages(name: string): readonly Candidate[];
  providers(name: string): readonly Provider[];
  /** The packages that have the file of this path. */
  owners(path: string): readonly Candidate[];
  /** Names that are there and look like this one, the nearest first. */
  nearest(name: string): readonly string[];
}

/**
 * Chooses one package for each request: of the native architecture or `noarch`, outside of module streams, meeting all
 * constraints, the highest version of all repositories; where two have it, that of the first. What is asked for is a
 * name, else what a package provides, else a file. Weak dependencies are nobody's request.
 * @param architecture rpm's name of the native one: `x86_64`.
 * @returns sorted by name, each package once.
 * @throws AgentError `unknown-package`, `unsatisfiable`, `ambiguous-package` with all requests that failed, by the code
 *   of the first; `verification-failed` where an index names a file outside of its repository.
 */
export function selectPackages(
  requests: readonly PackageRequest[],
  catalogue: Catalogue,
  architecture: string,
): SelectedPackage[] {
  const fits = (pkg: IndexedPackage) =>
    (pkg.architecture === architecture || pkg.architecture === 'noarch') && pkg.modular === 0;
  const choices = requests.map((request) => placed(choose(request, catalogue, fits), request.position));
  return sortedOnce(chosen(choices).map(selected));
}

type RpmChoice = Choice<Candidate>;

function choose(request: PackageRequest, catalogue: Catalogue, fits: (pkg: IndexedPackage) => boolean): RpmChoice {
  const { name } = request;
  const named = catalogue.packages(name);
  const candidates = named.filter(fits);
  if (candidates.length > 0) return chooseAmong(request, candidates);
  const providers = catalogue.providers(name).filter(fits);
  if (providers.length > 0) return chooseProvider(request, providers);
  const owners = name.startsWith('/') ? catalogue.owners(name).filter(fits) : [];
  if (owners.length > 0) return chooseOwner(request, owners);
  return notThere(request, named, catalogue.nearest(name));
}

function chooseAmong(request: PackageRequest, candidates: readonly Candidate[]): RpmChoice {
  const candidate = newest(candidates.filter(({ version }) => satisfiesAll(version, request.constraints)));
  return candidate === undefined ? unsatisfiable(request, versionsOf(candidates)) : { kind: 'chosen', candidate };
}

/** Only a versioned Provides can meet a constraint. */
function chooseProvider(request: PackageRequest, providers: readonly Provider[]): RpmChoice {
  const meeting = providers.filter(({ provided }) => provides(provided, request.constraints));
  if (meeting.length === 0) return unsatisfiable(request, providers.map(describeProvider));
  return onlyOne(request, meeting);
}

function chooseOwner(request: PackageRequest, owners: readonly Candidate[]): RpmChoice {
  const meeting = owners.filter(({ version }) => satisfiesAll(version, request.constraints));
  if (meeting.length === 0) return unsatisfiable(request, versionsOf(owners));
  return onlyOne(request, meeting);
}

/** The newest of packages that all have one name: which of several is meant nobody can know. */
function onlyOne(request: PackageRequest, candidates: readonly Candidate[]): RpmChoice {
  const names = [...new Set(candidates.map(({ name }) => name))].sort();
  const candidate = newest(candidates);
  return names.length === 1 && candidate !== undefined ? { kind: 'chosen', candidate } : ambiguous(request, names);
}

function provides(provided: string, constraints: readonly VersionConstraint[]): boolean {
  return constraints.length === 0 || (provided !== '' && satisfiesAll(provided, constraints));
}

/** The newest one; of equals the one of the first origin. */
function newest(candidates: readonly Candidate[]): Candidate | undefined {
  return [...candidates].sort(newestFirst)[0];
}

function newestFirst(a: Candidate, b: Candidate): number {
  return compareVersions(b.version, a.version) || a.origin.rank - b.origin.rank;
}

function versionsOf(candidates: readonly Candidate[]): string[] {
  return [...candidates].sort(newestFirst).map(({ version, origin }) => `available: ${version} in ${origin.uri}`);
}

function describeProvider({ name, version, provided, origin }: Provider): string {
  const meaning = provided === '' ? 'without a version' : `as version ${provided}`;
  return `available: provided by ${name} ${version} in ${origin.uri}, ${meaning}`;
}

function notThere(request: PackageRequest, named: readonly Candidate[], nearest: readonly string[]): RpmChoice {
  const inModules = named.filter(({ modular }) => modular === 1);
  if (inModules.length === 0) return unknown(request, named, nearest);
  return {
    ...unknown(request, [], []),
    facts: inModules.map(({ version }) => `available: ${version}, but only in a module stream, which are not used`),
  };
}

function selected({ name, version, architecture, sha256, size, filename, origin }: Candidate): SelectedPackage {
  return { name, version, architecture, sha256, size, url: packageUrl(origin.uri, filename) };
}
