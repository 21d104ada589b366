import type { Architecture } from '../../core/architecture.ts';

/** A deb repository as apt's sources describe one (sources.list(5)). */
export interface DebRepository {
  readonly family: 'deb';
  /** Base address, without a slash at the end. */
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Files with the OpenPGP keys that may sign this repository; absolute paths. */
  readonly keys: readonly string[];
  /** The architectures it is for; all when absent, as with apt's option of this name. */
  readonly architectures?: readonly Architecture[];
  /** Whether an index past its Valid-Until is refused; off only where the administrator says so. */
  readonly checkValidUntil: boolean;
  /** Whether an index dated in the future is refused; off only where the administrator says so. */
  readonly checkDate: boolean;
}

/** A distribution that images are built from: one file of targets.d. */
export interface Target {
  /** The name on the command line and in file names: `trixie`. */
  readonly name: string;
  readonly description: string;
  /** Which hosts this target is the natural one for: fields of os-release that must all be equal. */
  readonly match: Readonly<Record<string, string>>;
  readonly repositories: readonly DebRepository[];
  /** Values of the DALEC_SYSEXT_* build arguments where the user gives none. */
  readonly sysextDefaults: Readonly<Record<string, string>>;
}

/** The repositories of a target that are for this architecture. */
export function repositoriesFor(target: Target, architecture: Architecture): readonly DebRepository[] {
  return target.repositories.filter(({ architectures }) => architectures?.includes(architecture) ?? true);
}

/**
 * The target that is the natural one for a host: all fields of its `match` have the same value in os-release; of
 * several the one that asks for the most, then the first.
 */
export function targetFor(osRelease: Readonly<Record<string, string>>, targets: readonly Target[]): Target | undefined {
  const fitting = targets.filter(({ match }) => {
    const wanted = Object.entries(match);
    return wanted.length > 0 && wanted.every(([field, value]) => osRelease[field] === value);
  });
  return fitting.toSorted((a, b) => Object.keys(b.match).length - Object.keys(a.match).length)[0];
}
