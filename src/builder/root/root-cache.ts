import { join } from 'node:path';

import { fileStatus, readTextIfAny, writeAtomically } from '../../host/files.ts';
import type { BuildRoot } from './build-root.ts';
import type { InstalledPackage } from './root-maker.ts';

/**
 * Roots as the cache keeps them: `DIGEST` is the root, `DIGEST.json` the list of its packages, which is written last and
 * without which the root does not count; `REQUEST.request` has the digest of what came of a request.
 */

export function rootPath(directory: string, digest: string): string {
  return join(directory, digest);
}

function listPath(directory: string, digest: string): string {
  return join(directory, `${digest}.json`);
}

/** The root of a digest, where it is there. */
export function readRoot(directory: string, digest: string): BuildRoot | undefined {
  const packages = parsePackages(readTextIfAny(listPath(directory, digest)) ?? '');
  if (packages === undefined || fileStatus(rootPath(directory, digest)) === undefined) return undefined;
  return { directory: rootPath(directory, digest), digest, packages };
}

export function writeRoot(directory: string, digest: string, packages: readonly InstalledPackage[]): BuildRoot {
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  writeAtomically(listPath(directory, digest), `${JSON.stringify(sorted)}\n`);
  return { directory: rootPath(directory, digest), digest, packages: sorted };
}

/** The root that came of a request before, where it is still there. */
export function rootOfRequest(directory: string, key: string): BuildRoot | undefined {
  const digest = readTextIfAny(join(directory, `${key}.request`))?.trim() ?? '';
  return /^[0-9a-f]{64}$/.test(digest) ? readRoot(directory, digest) : undefined;
}

export function rememberRoot(directory: string, key: string, digest: string): void {
  writeAtomically(join(directory, `${key}.request`), `${digest}\n`);
}

function parsePackages(text: string): readonly InstalledPackage[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(isPackage) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPackage(value: unknown): value is InstalledPackage {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version, architecture } = value as Record<string, unknown>;
  return [name, version, architecture].every((field) => typeof field === 'string');
}
