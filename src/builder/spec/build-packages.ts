import type { Architecture } from '../../core/architecture.ts';
import type { PackageRequest } from '../packages/packages.ts';
import { dependenciesFor } from './for-target.ts';
import type { NamedPackage, NamedPackages, Spec } from './spec.ts';
import { parseVersionConstraint } from './version-constraint.ts';

/** The packages that building for a target needs, without what is only for other architectures. */
export function buildPackages(spec: Spec, target: string, architecture: Architecture): readonly PackageRequest[] {
  return namedRequests(dependenciesFor(spec, target)?.build, architecture);
}

/**
 * What is asked of the repositories for a list of packages.
 * @param packages with their build arguments expanded, so that their versions are as the reader of the spec wants them.
 */
export function namedRequests(packages: NamedPackages, architecture: Architecture): readonly PackageRequest[] {
  return (packages ?? [])
    .filter(({ architectures }) => architectures.length === 0 || architectures.includes(architecture))
    .map(request);
}

function request({ name, versions, position }: NamedPackage): PackageRequest {
  const constraints = versions.flatMap(({ value }) => {
    const parsed = parseVersionConstraint(value);
    return 'value' in parsed ? [parsed.value] : [];
  });
  return { name, constraints, position };
}
