import { isAgentError } from '../../../core/errors.ts';
import type { SelectedPackage } from '../packages.ts';

export interface Suppliers {
  /** The package of a name. @throws AgentError where there is none, or several provide it */
  select(name: string): SelectedPackage | undefined;
  /** The fields Pre-Depends and Depends of a package, as one. */
  dependsOf(pkg: SelectedPackage): string;
}

/**
 * Packages with what they depend on, each once. Of alternatives one that is among them already counts, else the first that
 * there is; a dependency that nothing meets is left out.
 */
export function withDependencies(names: readonly string[], suppliers: Suppliers): readonly SelectedPackage[] {
  const found = new Map<string, SelectedPackage>();
  const pending = names.map((name) => [name]);
  for (const [index, alternatives] of pending.entries()) {
    // Those that are asked for by name all come, whatever depends on whichever of them.
    if (index >= names.length && alternatives.some((name) => found.has(name))) continue;
    const pkg = firstOf(alternatives, suppliers);
    if (pkg === undefined || found.has(pkg.name)) continue;
    found.set(pkg.name, pkg);
    pending.push(...dependencies(suppliers.dependsOf(pkg)));
  }
  return [...found.values()];
}

function firstOf(alternatives: readonly string[], suppliers: Suppliers): SelectedPackage | undefined {
  for (const name of alternatives) {
    try {
      const pkg = suppliers.select(name);
      if (pkg !== undefined) return pkg;
    } catch (error) {
      if (!isAgentError(error, 'unknown-package', 'ambiguous-package', 'unsatisfiable')) throw error;
    }
  }
  return undefined;
}

/** The names of each dependency in a field, alternatives in their order (Debian policy 7.1). */
function dependencies(field: string): string[][] {
  const names = field
    .split(',')
    .map((item) => item.split('|').flatMap((text) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(text)?.[1] ?? []));
  return names.filter((alternatives) => alternatives.length > 0);
}
