import { ambiguous, chosen, packageUrl, placed, sortedOnce, unknown, unsatisfiable, type Choice } from '../choice.ts';
import type { PackageRequest, SelectedPackage, VersionConstraint } from '../packages.ts';
import type { IndexedPackage, IndexedProvider } from './index-database.ts';
import { compareVersions, satisfiesAll } from './version.ts';

/** Where a candidate is offered: first the suites of the first repository, in the order of the target. */
export interface Origin {
  /** Base address of the repository, without credentials. */
  readonly uri: string;
  readonly suite: string;
  readonly rank: number;
}

export type Candidate = IndexedPackage & { readonly origin: Origin };
export type Provider = IndexedProvider & { readonly origin: Origin };

/** All indexes of a target, as one. */
export interface Catalogue {
  packages(name: string): readonly Candidate[];
  providers(name: string): readonly Provider[];
  /** Names that are there and look like this one, the nearest first. */
  nearest(name: string): readonly string[];
}

type DebChoice = Choice<Candidate>;

/**
 * Chooses one package for each request: of the native architecture or of all, meeting all constraints, the highest
 * version of all suites; where two suites have it, that of the first. A package of the name always goes before one
 * that provides it.
 * @param architecture Debian's name of the native one: `amd64`.
 * @returns sorted by name, each package once.
 * @throws AgentError `unknown-package`, `unsatisfiable`, `ambiguous-package` with all requests that failed, by the code
 *   of the first; `verification-failed` where an index names a file outside of its repository.
 */
export function selectPackages(
  requests: readonly PackageRequest[],
  catalogue: Catalogue,
  architecture: string,
): SelectedPackage[] {
  const fits = ({ architecture: offered }: IndexedPackage) => offered === architecture || offered === 'all';
  const choices = requests.map((request) => placed(choose(request, catalogue, fits), request.position));
  return sortedOnce(chosen(choices).map(selected));
}

function choose(request: PackageRequest, catalogue: Catalogue, fits: (pkg: IndexedPackage) => boolean): DebChoice {
  const { name, constraints } = request;
  const candidates = catalogue.packages(name).filter(fits);
  if (candidates.length > 0) {
    const candidate = newest(candidates.filter(({ version }) => satisfiesAll(version, constraints)));
    return candidate === undefined ? unsatisfiable(request, versionsOf(candidates)) : { kind: 'chosen', candidate };
  }
  const providers = catalogue.providers(name).filter(fits);
  if (providers.length > 0) return chooseProvider(request, providers);
  return unknown(request, catalogue.packages(name), catalogue.nearest(name));
}

/** Only a versioned Provides can meet a constraint (Debian policy 7.5). */
function chooseProvider(request: PackageRequest, providers: readonly Provider[]): DebChoice {
  const meeting = providers.filter(({ provided }) => provides(provided, request.constraints));
  const candidate = newest(meeting);
  if (candidate === undefined) return unsatisfiable(request, providers.map(describeProvider));
  const names = [...new Set(meeting.map(({ name }) => name))].sort();
  return names.length === 1 ? { kind: 'chosen', candidate } : ambiguous(request, names);
}

function provides(provided: string, constraints: readonly VersionConstraint[]): boolean {
  return constraints.length === 0 || (provided !== '' && satisfiesAll(provided, constraints));
}

/** The newest one; of equals the one of the first origin. */
function newest<T extends Candidate>(candidates: readonly T[]): T | undefined {
  return [...candidates].sort(newestFirst)[0];
}

function newestFirst(a: Candidate, b: Candidate): number {
  return compareVersions(b.version, a.version) || a.origin.rank - b.origin.rank;
}

function versionsOf(candidates: readonly Candidate[]): string[] {
  return [...candidates].sort(newestFirst).map(({ version, origin }) => `available: ${version} in ${origin.suite}`);
}

function describeProvider({ name, version, provided, origin }: Provider): string {
  const meaning = provided === '' ? 'without a version' : `as version ${provided}`;
  return `available: provided by ${name} ${version} in ${origin.suite}, ${meaning}`;
}

function selected({ name, version, architecture, sha256, size, filename, source, origin }: Candidate): SelectedPackage {
  const from = source === undefined || source === '' ? {} : { source };
  return { name, version, architecture, sha256, size, url: packageUrl(origin.uri, filename), ...from };
}
