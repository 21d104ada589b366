import { join } from 'node:path';

import { fileStatus, listNames, readTextIfAny, removeTree, touch, writeAtomically } from '../../host/files.ts';
import { oldNames } from '../../host/leftovers.ts';
import type { BuildRoot } from './build-root.ts';
import type { InstalledPackage } from './root-maker.ts';

/**
 * Roots as the cache keeps them: `DIGEST` is the root, `DIGEST.json` the list of its packages, which is written last and
 * without which the root does not count; `REQUEST.request` has the digest of what came of a request. Lists and requests get
 * the time at which they were used last.
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
  touch(listPath(directory, digest));
  return { directory: rootPath(directory, digest), digest, packages };
}

export function writeRoot(directory: string, digest: string, packages: readonly InstalledPackage[]): BuildRoot {
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  writeAtomically(listPath(directory, digest), `${JSON.stringify(sorted)}\n`);
  return { directory: rootPath(directory, digest), digest, packages: sorted };
}

/** The root that came of a request before, where it is still there. */
export function rootOfRequest(directory: string, key: string): BuildRoot | undefined {
  const digest = readTextIfAny(requestPath(directory, key))?.trim() ?? '';
  if (!isDigest(digest)) return undefined;
  touch(requestPath(directory, key));
  return readRoot(directory, digest);
}

export function rememberRoot(directory: string, key: string, digest: string): void {
  writeAtomically(requestPath(directory, key), `${digest}\n`);
}

function requestPath(directory: string, key: string): string {
  return join(directory, `${key}.request`);
}

/** In days; no build takes so long. */
const longestUnused = 30;

/**
 * Forgets what was not used for a month; who calls it is the only one that makes roots.
 * @returns what is to be removed now: roots that do not count, and what package managers fetched for roots.
 */
export function forgetOldRoots(directory: string, now: Date): readonly string[] {
  const old = oldNames(directory, now, longestUnused, (name) => /\.(json|request)$/.test(name) || isFetched(name));
  for (const name of old.filter((candidate) => !isFetched(candidate))) removeTree(join(directory, name));
  const names = new Set(listNames(directory));
  const uncounted = [...names].filter((name) => isDigest(name) && !names.has(`${name}.json`));
  return [...uncounted, ...old.filter(isFetched)].map((name) => join(directory, name));
}

function isFetched(name: string): boolean {
  return /^(apt|dnf)-/.test(name);
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
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
