import { AgentError, type ErrorCode } from '../../../core/errors.ts';
import type { Position } from '../../../core/problems.ts';
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

type Choice =
  | { readonly kind: 'chosen'; readonly candidate: Candidate }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly facts: readonly string[] };
type Failure = Extract<Choice, { kind: 'failed' }>;

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
  const failures = choices.filter((choice) => choice.kind === 'failed');
  const [first, ...others] = failures;
  if (first !== undefined) throw others.length === 0 ? failureOf(first) : failuresOf(failures, first.code);
  const chosen = choices.flatMap((choice) => (choice.kind === 'chosen' ? [selected(choice.candidate)] : []));
  const unique = new Map(chosen.map((pkg) => [`${pkg.name} ${pkg.version} ${pkg.architecture}`, pkg]));
  return [...unique.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A failure says where the spec asks for the package. */
function placed(choice: Choice, position: Position | undefined): Choice {
  if (choice.kind === 'chosen' || position === undefined) return choice;
  const { file, line, column } = position;
  return { ...choice, message: `${file}:${line}:${column}: ${choice.message}` };
}

function choose(request: PackageRequest, catalogue: Catalogue, fits: (pkg: IndexedPackage) => boolean): Choice {
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
function chooseProvider(request: PackageRequest, providers: readonly Provider[]): Choice {
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

function failed(code: ErrorCode, message: string, facts: readonly string[]): Failure {
  return { kind: 'failed', code, message, facts };
}

function unsatisfiable({ name, constraints }: PackageRequest, available: readonly string[]): Failure {
  const asked = constraints.map(({ relation, version }) => `${relation} ${version}`).join(', ');
  return failed('unsatisfiable', `no version of ${name} is ${asked}`, [...new Set(available)]);
}

function ambiguous({ name }: PackageRequest, names: readonly string[]): Failure {
  return failed('ambiguous-package', `${name} is a virtual package that several packages provide`, [
    `provided by: ${names.join(', ')}`,
  ]);
}

function unknown({ name }: PackageRequest, foreign: readonly Candidate[], nearest: readonly string[]): Failure {
  if (foreign.length > 0)
    return failed('unknown-package', `there is no package ${name} for this architecture`, [
      `available: for ${[...new Set(foreign.map(({ architecture }) => architecture))].join(', ')}`,
    ]);
  return failed(
    'unknown-package',
    `there is no package ${name}`,
    nearest.length === 0 ? [] : [`similar names: ${nearest.join(', ')}`],
  );
}

const advice: Partial<Record<ErrorCode, string>> = {
  'ambiguous-package': 'List the package that you mean by its own name.',
  'unknown-package': 'Correct the name in the spec, or add the repository that has the package to the target.',
  unsatisfiable: 'Relax the constraints in the spec, or add a repository that has such a version to the target.',
};

function failureOf({ code, message, facts }: Failure): AgentError {
  const next = advice[code];
  return new AgentError(code, message, { facts, ...(next === undefined ? {} : { next }) });
}

function failuresOf(failures: readonly Failure[], code: ErrorCode): AgentError {
  return new AgentError(code, `${failures.length} of the packages that are asked for cannot be had`, {
    facts: failures.flatMap(({ message, facts }) => [message, ...facts.map((fact) => `  ${fact}`)]),
    next: 'Correct these entries of the spec, or add the repositories that have them to the target.',
  });
}

function selected({ name, version, architecture, sha256, size, filename, source, origin }: Candidate): SelectedPackage {
  const from = source === undefined || source === '' ? {} : { source };
  return { name, version, architecture, sha256, size, url: packageUrl(origin.uri, filename), ...from };
}

/**
 * The address of a package file. Even a signed index gets no say over anything outside of its repository.
 * @throws AgentError `verification-failed`
 */
export function packageUrl(uri: string, filename: string): string {
  const parts = filename.split('/');
  const [first = '', ...rest] = parts[0] === '.' ? parts.slice(1) : parts;
  const path = [first, ...rest];
  if (path.some((part) => part === '' || part === '.' || part === '..') || /[\\\p{Cc}]/u.test(filename))
    throw new AgentError('verification-failed', `the package list of ${uri} names a file outside of the repository`, {
      facts: [`Filename: ${JSON.stringify(filename)}`],
    });
  return `${uri}/${path.map(encodeURIComponent).join('/')}`;
}
