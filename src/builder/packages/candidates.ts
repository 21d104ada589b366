import { ambiguous, chosen, packageUrl, placed, sortedOnce, unsatisfiable, type Choice } from './choice.ts';
import { meetsAll, type CompareVersions } from './constraint.ts';
import type { IndexedPackage, Provided } from './index-database.ts';
import type { PackageRequest, SelectedPackage } from './packages.ts';

/** Where a candidate is offered. */
export interface Origin {
  /** Base address of the repository, without credentials. */
  readonly uri: string;
  /** The suite, in a repository that has several. */
  readonly suite?: string;
  /** In the order of the target: of equal versions, that of the lowest rank is taken. */
  readonly rank: number;
}

/** A package that an index offers. */
export type Candidate<P extends IndexedPackage = IndexedPackage> = P & { readonly origin: Origin };
/** A package that an index offers as standing for another name. */
export type Provider<P extends IndexedPackage = IndexedPackage> = Candidate<P> & Provided;

/**
 * Chooses a package for each request.
 * @returns sorted by name, each package once.
 * @throws AgentError as chosen() and packageUrl().
 */
export function selectEach(
  requests: readonly PackageRequest[],
  choose: (request: PackageRequest) => Choice<Candidate & { readonly source?: string }>,
): SelectedPackage[] {
  const choices = requests.map((request) => placed(choose(request), request.position));
  return sortedOnce(chosen(choices).map(selected));
}

function selected(candidate: Candidate & { readonly source?: string }): SelectedPackage {
  const { name, version, architecture, sha256, size, filename, source = '', origin } = candidate;
  const from = source === '' ? {} : { source };
  return { name, version, architecture, sha256, size, url: packageUrl(origin.uri, filename), ...from };
}

/**
 * The newest of some packages, those of a name or those that have a file, that meets all constraints.
 * @returns undefined where there are none at all.
 */
export function chooseAmong<C extends Candidate>(
  compare: CompareVersions,
  request: PackageRequest,
  candidates: readonly C[],
): Choice<C> | undefined {
  if (candidates.length === 0) return undefined;
  const meets = ({ version }: C) => meetsAll(compare, version, request.constraints);
  return (
    onlyOne(request, sorted(compare, candidates.filter(meets))) ??
    unsatisfiable(request, sorted(compare, candidates).map(describe))
  );
}

/**
 * The newest of the packages that stand for a name. Only a version that they give it can meet a constraint.
 * @returns undefined where none does.
 */
export function chooseProvider<C extends Provider>(
  compare: CompareVersions,
  request: PackageRequest,
  providers: readonly C[],
): Choice<C> | undefined {
  if (providers.length === 0) return undefined;
  const { constraints } = request;
  const meets = ({ provided }: C) =>
    constraints.length === 0 || (provided !== '' && meetsAll(compare, provided, constraints));
  return (
    onlyOne(request, sorted(compare, providers.filter(meets))) ??
    unsatisfiable(request, providers.map(describeProvider))
  );
}

/** The newest first; of equals the one of the first origin. */
function sorted<C extends Candidate>(compare: CompareVersions, candidates: readonly C[]): C[] {
  return candidates.toSorted((a, b) => compare(b.version, a.version) || a.origin.rank - b.origin.rank);
}

/** The first of packages that all have one name: which of several is meant nobody can know. */
function onlyOne<C extends Candidate>(request: PackageRequest, candidates: readonly C[]): Choice<C> | undefined {
  const [candidate] = candidates;
  const names = [...new Set(candidates.map(({ name }) => name))].sort();
  if (candidate === undefined) return undefined;
  return names.length === 1 ? { kind: 'chosen', candidate } : ambiguous(request, names);
}

function describe({ version, origin }: Candidate): string {
  return `available: ${version} in ${origin.suite ?? origin.uri}`;
}

function describeProvider({ name, version, provided, origin }: Provider): string {
  const meaning = provided === '' ? 'without a version' : `as version ${provided}`;
  return `available: provided by ${name} ${version} in ${origin.suite ?? origin.uri}, ${meaning}`;
}
