import type { Architecture } from '../../core/architecture.ts';
import type { PackageRequest } from '../packages/packages.ts';
import { dependenciesFor } from './for-target.ts';
import type { PackageDependency, Spec } from './spec.ts';

/**
 * The packages that an extension consists of: the list of the target if it has one, else that of the spec, without
 * what is only for other architectures.
 */
export function sysextPackages(spec: Spec, target: string, architecture: Architecture): readonly PackageRequest[] {
  const packages = dependenciesFor(spec, target)?.sysext ?? [];
  return packages.filter((dependency) => isFor(dependency, architecture)).map(request);
}

function isFor(dependency: PackageDependency, architecture: Architecture): boolean {
  return dependency.architectures.length === 0 || dependency.architectures.includes(architecture);
}

function request({ name, constraints, position }: PackageDependency): PackageRequest {
  return { name, constraints, position };
}
