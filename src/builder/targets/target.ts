import type { Architecture } from '../../core/architecture.ts';
import type { KeyFile } from '../../host/openpgp.ts';

/** OpenPGP keys: the absolute path of a file with them, or such a file that came with a spec. */
export type Keys = string | KeyFile;

/** A deb repository as apt's sources describe one (sources.list(5)). */
export interface DebRepository {
  readonly family: 'deb';
  /** Base address, without a slash at the end. */
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The keys that may sign this repository. */
  readonly keys: readonly Keys[];
  /** The architectures it is for; all when absent, as with apt's option of this name. */
  readonly architectures?: readonly Architecture[];
  /** Whether an index past its Valid-Until is refused; off only where the administrator says so. */
  readonly checkValidUntil: boolean;
  /** Whether an index dated in the future is refused; off only where the administrator says so. */
  readonly checkDate: boolean;
}

/** An rpm repository as dnf's configuration describes one (dnf.conf(5)). */
export interface RpmRepository {
  readonly family: 'rpm';
  /**
   * Base addresses, without a slash at the end: the first that answers is used. In them and in the two below
   * `$basearch` stands for the name of the architecture.
   */
  readonly baseurl: readonly string[];
  /** A document that names mirrors and vouches for repomd.xml. */
  readonly metalink?: string;
  /** A document that names mirrors. */
  readonly mirrorlist?: string;
  /** Whether every package must have a good signature. */
  readonly gpgcheck: boolean;
  /** Whether repomd.xml must have one, and with it all package lists. */
  readonly repoGpgcheck: boolean;
  /** The keys that may sign it; those whose files are not there do not count. */
  readonly keys: readonly Keys[];
  /** The architectures it is for; all when absent. */
  readonly architectures?: readonly Architecture[];
  /** What `$basearch` stands for, once it is known: lists of mirrors have it, too. */
  readonly basearch?: string;
}

/** A repository of any family. */
export type Repository = DebRepository | RpmRepository;

/** A distribution that images are built from: one file of targets.d. */
export interface Target {
  /** The name on the command line and in file names: `trixie`. */
  readonly name: string;
  readonly description: string;
  /** Which hosts this target is the natural one for: fields of os-release that must all be equal. */
  readonly match: Readonly<Record<string, string>>;
  /** All of one family. */
  readonly repositories: readonly Repository[];
  /** The directory of libraries: `/usr/lib64`; absent where it is `/usr/lib`. */
  readonly libdir?: string;
  /** What `$releasever` stands for in addresses of rpm repositories, where the target has such. */
  readonly releasever?: string;
  /** Values of the DALEC_SYSEXT_* build arguments where the user gives none. */
  readonly sysextDefaults: Readonly<Record<string, string>>;
}

/** The repositories of a target that are for this architecture. */
export function repositoriesFor(target: Target, architecture: Architecture): readonly Repository[] {
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

/** The repository with the name of an architecture in its addresses. */
export function inBasearch(repository: RpmRepository, basearch: string): RpmRepository {
  const { baseurl, metalink, mirrorlist } = repository;
  const filled = (url: string) => url.replaceAll('$basearch', basearch);
  return {
    ...repository,
    basearch,
    baseurl: baseurl.map(filled),
    ...(metalink === undefined ? {} : { metalink: filled(metalink) }),
    ...(mirrorlist === undefined ? {} : { mirrorlist: filled(mirrorlist) }),
  };
}
