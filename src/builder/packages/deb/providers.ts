import { isAgentError } from '../../../core/errors.ts';
import type { ArchiveEntry } from '../../tree/entry.ts';
import type { LibraryNeed, SelectedPackage } from '../packages.ts';

/** What looking for providers needs of a repository. */
export interface Shelves {
  /** The dependency fields of a package. */
  dependsOf(pkg: SelectedPackage): string;
  /** The package of a name, if there is one. @throws AgentError where there is none */
  select(name: string): readonly SelectedPackage[];
  /** What is inside a package: it is fetched for that. */
  open(pkg: SelectedPackage): Promise<readonly ArchiveEntry[]>;
}

/** As many packages are fetched to look into for one library. */
const mostTried = 6;
/** What is larger is no package of a library alone. */
const mostBytes = 64 * 1024 ** 2;

/**
 * The package that brings each library, found by looking into the likeliest: those that the owner depends on, then the
 * one that Debian's policy (8.1) would name after the library. What brings the C library is never among them.
 */
export async function findProviders(
  needs: readonly LibraryNeed[],
  shelves: Shelves,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const need of needs) {
    const provider = found.has(need.library)
      ? undefined
      : await firstThatBrings(need.library, candidates(need, shelves), shelves);
    if (provider !== undefined) found.set(need.library, [provider]);
  }
  return found;
}

function candidates(need: LibraryNeed, shelves: Shelves): readonly string[] {
  const names = policyNames(need.library);
  const depended = parseDepends(shelves.dependsOf(need.package));
  const ranked = depended.toSorted((a, b) => distance(a, names) - distance(b, names));
  return [...new Set([...ranked.slice(0, mostTried - names.length), ...names])];
}

async function firstThatBrings(
  library: string,
  names: readonly string[],
  shelves: Shelves,
): Promise<string | undefined> {
  for (const name of names) {
    const entries = await entriesOf(name, shelves);
    if (brings(entries, library) && !brings(entries, 'libc.so.6')) return name;
  }
  return undefined;
}

/** A package that is not there, or cannot be had or read, brings nothing: the build goes on without its name. */
async function entriesOf(name: string, shelves: Shelves): Promise<readonly ArchiveEntry[]> {
  try {
    const [pkg] = shelves.select(name);
    return pkg?.name !== name || pkg.size > mostBytes ? [] : await shelves.open(pkg);
  } catch (error) {
    if (isAgentError(error) && error.code !== 'interrupted') return [];
    throw error;
  }
}

/** Whether a package has a library in a directory where loaders look. */
function brings(entries: readonly ArchiveEntry[], library: string): boolean {
  return entries.some(({ name }) => {
    const [, found] = /^(?:\.?\/)?(?:usr\/)?lib(?:32|64|x32)?\/(?:[^/]+-linux-[^/]+\/)?([^/]+)$/.exec(name) ?? [];
    return found === library;
  });
}

/** The names of packages in a dependency field, alternatives among them. */
export function parseDepends(field: string): string[] {
  const names = field.split(/[,|]/).map((item) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(item)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/**
 * What Debian's policy calls the package of a library: `libonig.so.5` is in libonig5, `libfoo-1.so.2` in libfoo-1-2.
 * Those that changed with the 64-bit time of 2024 end in t64.
 */
export function policyNames(library: string): string[] {
  const [, stem, version] = /^(.+?)\.so\.(.+)$/.exec(library) ?? /^(.+?)-([\d.]+)\.so$/.exec(library) ?? [];
  if (stem === undefined || version === undefined) return [];
  const name = `${stem}${/\d$/.test(stem) ? '-' : ''}${version}`.toLowerCase().replaceAll('_', '-');
  return [name, `${name}t64`];
}

/** How unlike a package's name is to those that policy gives a library. */
function distance(name: string, names: readonly string[]): number {
  if (names.includes(name)) return 0;
  const stem = (names[0] ?? '').replace(/[\d.-]+$/, '');
  if (stem !== '' && name.startsWith(stem)) return 1;
  return name.startsWith('lib') ? 2 : 3;
}
