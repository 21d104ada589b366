import { join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';
import { listNames, readText } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** Finds the packages of the host that files belong to, by path without a leading slash; what belongs to none is left out. */
export type PackageOwners = (paths: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/** Asks the databases of dpkg and rpm below `root`, each path once. Nothing is read before a path is asked for. */
export function packageOwners(root: string, exec: Exec): PackageOwners {
  const known = new Map<string, string>();
  const asked = new Set<string>();
  return async (paths) => {
    const wanted = paths.filter((path) => !asked.has(path));
    for (const path of wanted) asked.add(path);
    for (const [path, owner] of await ownersOf(root, wanted, exec)) known.set(path, owner);
    return new Map(paths.flatMap((path) => (known.has(path) ? [[path, known.get(path) ?? '']] : [])));
  };
}

async function ownersOf(root: string, paths: readonly string[], exec: Exec): Promise<ReadonlyMap<string, string>> {
  if (paths.length === 0) return new Map();
  const byDpkg = dpkgOwners(belowRoot(root, '/var/lib/dpkg/info'), paths);
  return byDpkg.size > 0 ? byDpkg : await rpmOwners(root, paths, exec);
}

/** Each `PACKAGE.list` or `PACKAGE:ARCHITECTURE.list` has the paths of one package, a line each (dpkg-query(1)). */
function dpkgOwners(directory: string, paths: readonly string[]): ReadonlyMap<string, string> {
  const wanted = new Map(paths.flatMap((path) => spellings(path).map((spelling) => [spelling, path])));
  const owners = new Map<string, string>();
  for (const name of listNames(directory)) {
    if (!name.endsWith('.list')) continue;
    for (const line of readText(join(directory, name)).split('\n')) {
      const path = wanted.get(line);
      if (path !== undefined) owners.set(path, name.replace(/(?::[^:]*)?\.list$/, ''));
    }
  }
  return owners;
}

/** A package may have in /bin what is in /usr/bin since the two are one. */
function spellings(path: string): string[] {
  return [`/${path}`, ...(/^usr\/(?:bin|sbin|lib)/.test(path) ? [path.slice('usr'.length)] : [])];
}

const rpmDatabases = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'];
/** One run of rpm for each: messages name no more packages than that anyway. */
const mostAsked = 20;

/** rpm finds files by an index of its own. A host without rpm has no owners. */
async function rpmOwners(root: string, paths: readonly string[], exec: Exec): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  const database = rpmDatabases.find((directory) => listNames(belowRoot(root, directory)).length > 0);
  if (database === undefined) return owners;
  try {
    for (const path of paths.slice(0, mostAsked)) {
      const owner = await rpmOwner(root, database, path, exec);
      if (owner !== undefined) owners.set(path, owner);
    }
  } catch (error) {
    if (!isAgentError(error, 'tool-missing')) throw error;
  }
  return owners;
}

async function rpmOwner(root: string, database: string, path: string, exec: Exec): Promise<string | undefined> {
  const below = [...(root === '/' ? [] : [`--root=${root}`]), `--dbpath=${database}`];
  const query = ['--query', '--file', '--queryformat', '%{NAME}\\n', '--', `/${path}`];
  const { exitCode, stdout } = await exec.run('rpm', [...below, ...query]);
  return exitCode === 0 ? stdout.split('\n', 1)[0] : undefined;
}
