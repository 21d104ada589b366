import { AgentError, type ErrorCode } from '../../core/errors.ts';
import type { Position } from '../../core/problems.ts';
import type { PackageRequest, SelectedPackage } from './packages.ts';

/** What came of one request. */
export type Choice<C> = { readonly kind: 'chosen'; readonly candidate: C } | Failure;

export interface Failure {
  readonly kind: 'failed';
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: readonly string[];
}

/** A failure says where the spec asks for the package. */
export function placed<C>(choice: Choice<C>, position: Position | undefined): Choice<C> {
  if (choice.kind === 'chosen' || position === undefined) return choice;
  const { file, line, column } = position;
  return { ...choice, message: `${file}:${line}:${column}: ${choice.message}` };
}

/**
 * The candidates that were chosen.
 * @throws AgentError `unknown-package`, `unsatisfiable`, `ambiguous-package` with all requests that failed, by the code
 *   of the first.
 */
export function chosen<C>(choices: readonly Choice<C>[]): readonly C[] {
  const failures = choices.filter((choice) => choice.kind === 'failed');
  const [first, ...others] = failures;
  if (first !== undefined) throw others.length === 0 ? failureOf(first) : failuresOf(failures, first.code);
  return choices.flatMap((choice) => (choice.kind === 'chosen' ? [choice.candidate] : []));
}

/** Sorted by name, each package once. */
export function sortedOnce(packages: readonly SelectedPackage[]): SelectedPackage[] {
  const unique = new Map(packages.map((pkg) => [`${pkg.name} ${pkg.version} ${pkg.architecture}`, pkg]));
  return [...unique.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function failed(code: ErrorCode, message: string, facts: readonly string[]): Failure {
  return { kind: 'failed', code, message, facts };
}

/** @param available what there is instead, one line each. */
export function unsatisfiable({ name, constraints }: PackageRequest, available: readonly string[]): Failure {
  const asked = constraints.map(({ relation, version }) => `${relation} ${version}`).join(', ');
  return failed('unsatisfiable', `no version of ${name} is ${asked}`, [...new Set(available)]);
}

/** @param names of the packages that provide it. */
export function ambiguous({ name }: PackageRequest, names: readonly string[]): Failure {
  return failed('ambiguous-package', `${name} is a virtual package that several packages provide`, [
    `provided by: ${names.join(', ')}`,
  ]);
}

/**
 * @param foreign packages of the name for other architectures.
 * @param nearest names that look like it.
 */
export function unknown(
  { name }: PackageRequest,
  foreign: readonly { readonly architecture: string }[],
  nearest: readonly string[],
): Failure {
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
