import { chooseAmong, chooseProvider, selectEach, type Candidate } from '../candidates.ts';
import type { Catalogue } from '../catalogue.ts';
import { unknown, type Choice } from '../choice.ts';
import type { PackageRequest, SelectedPackage } from '../packages.ts';
import type { DebPackage } from './index-database.ts';
import { compareVersions } from './version.ts';

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
  catalogue: Catalogue<DebPackage>,
  architecture: string,
): SelectedPackage[] {
  const fits = (pkg: DebPackage) => pkg.architecture === architecture || pkg.architecture === 'all';
  return selectEach(requests, (request) => choose(request, catalogue, fits));
}

function choose(
  request: PackageRequest,
  catalogue: Catalogue<DebPackage>,
  fits: (pkg: DebPackage) => boolean,
): Choice<Candidate<DebPackage>> {
  const { name } = request;
  const named = catalogue.packages(name);
  return (
    chooseAmong(compareVersions, request, named.filter(fits)) ??
    chooseProvider(compareVersions, request, catalogue.providers(name).filter(fits)) ??
    unknown(request, named, catalogue.nearest(name))
  );
}
