import { chooseAmong, chooseProvider, selectEach, type Candidate } from '../candidates.ts';
import type { Catalogue } from '../catalogue.ts';
import { unknown, type Choice } from '../choice.ts';
import type { PackageRequest, SelectedPackage } from '../packages.ts';
import type { RpmPackage } from './index-database.ts';
import { compareVersions } from './version.ts';

/** All indexes of a target, as one. */
export interface RpmCatalogue extends Catalogue<RpmPackage> {
  /** The packages that have the file of this path. */
  owners(path: string): readonly Candidate<RpmPackage>[];
}

type RpmChoice = Choice<Candidate<RpmPackage>>;

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
  catalogue: RpmCatalogue,
  architecture: string,
): SelectedPackage[] {
  const fits = fitting(architecture);
  return selectEach(requests, (request) => choose(request, catalogue, fits));
}

/** Whether a package is for an architecture or for none, and outside of module streams. */
export function fitting(architecture: string): (pkg: RpmPackage) => boolean {
  return (pkg) => (pkg.architecture === architecture || pkg.architecture === 'noarch') && pkg.modular === 0;
}

function choose(request: PackageRequest, catalogue: RpmCatalogue, fits: (pkg: RpmPackage) => boolean): RpmChoice {
  const { name } = request;
  const named = catalogue.packages(name);
  const owners = () => (name.startsWith('/') ? catalogue.owners(name).filter(fits) : []);
  return (
    chooseAmong(compareVersions, request, named.filter(fits)) ??
    chooseProvider(compareVersions, request, catalogue.providers(name).filter(fits)) ??
    chooseAmong(compareVersions, request, owners()) ??
    notThere(request, named, catalogue.nearest(name))
  );
}

function notThere(
  request: PackageRequest,
  named: readonly Candidate<RpmPackage>[],
  nearest: readonly string[],
): RpmChoice {
  const inModules = named.filter(({ modular }) => modular === 1);
  if (inModules.length === 0) return unknown(request, named, nearest);
  return {
    ...unknown(request, [], []),
    facts: inModules.map(({ version }) => `available: ${version}, but only in a module stream, which are not used`),
  };
}
