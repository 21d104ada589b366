import type { Finding } from '../core/contents/finding.ts';
import {
  formatLinkedImage,
  parseLinkedImage,
  readLinkedImage,
  type HostLibraries,
  type LinkedImage,
} from '../core/contents/linked-image.ts';
import { linkProblems, missingLibraryFinding, type MissingLibrary } from '../core/contents/linking.ts';
import { isAgentError } from '../core/errors.ts';
import type { Content, Tree } from '../core/tree.ts';
import { openElfFiles } from '../host/elf-file.ts';
import type { LibraryNeed, LocalPackage, PackageSource, SelectedPackage } from './packages/packages.ts';
import type { PackageContents } from './tree/assemble.ts';

/** What is known of the programs in an image, and which package brought each. */
export interface LibraryRecord {
  readonly linked: LinkedImage;
  /** Names of packages by absolute path. */
  readonly owners: ReadonlyMap<string, string>;
}

/** Looks into the files of a tree where the packages have them: nothing is unpacked for it. */
export function recordLibraries(tree: Tree, packages: readonly PackageContents[]): LibraryRecord {
  const contents = new Map(
    tree.nodes.flatMap((node) => (node.kind === 'file' ? [[node.path, node.content] as const] : [])),
  );
  const ownerOf = new Map<Content, string>();
  for (const { name, entries } of packages) {
    for (const { content } of entries) if (content !== undefined) ownerOf.set(content, name);
  }
  using files = openElfFiles();
  const entries = tree.nodes.map((node) =>
    node.kind === 'hardlink' ? { path: node.path, kind: 'file', file: node.target } : { ...node, file: node.path },
  );
  const fileAt = new Map(entries.map(({ path, file }) => [path, contents.get(file)]));
  const linked = readLinkedImage(entries, (path) => {
    const content = fileAt.get(path);
    return content === undefined ? undefined : files.readContent(content);
  });
  const owners = [...linked.objects.keys()].flatMap((path) => {
    const content = fileAt.get(path.slice(1));
    const owner = content === undefined ? undefined : ownerOf.get(content);
    return owner === undefined ? [] : [[path, owner] as const];
  });
  return { linked, owners: new Map(owners) };
}

export function formatRecord({ linked, owners }: LibraryRecord): string {
  return JSON.stringify({ linked: formatLinkedImage(linked), owners: [...owners] });
}

/** Reads what formatRecord() wrote; undefined where the text is something else. */
export function parseRecord(text: string): LibraryRecord | undefined {
  try {
    return recordIn(text);
  } catch {
    return undefined;
  }
}

function recordIn(text: string): LibraryRecord {
  const { linked, owners } = JSON.parse(text) as { linked: string; owners: [string, string][] };
  return { linked: parseLinkedImage(linked), owners: new Map(owners) };
}

/** What a host lacks for an image, and which packages bring it. */
export interface LibraryCheck {
  readonly missing: readonly MissingLibrary[];
  /** Names of packages by library, the likeliest first. */
  readonly providers: ReadonlyMap<string, readonly string[]>;
  readonly findings: readonly Finding[];
}

export const nothingMissing: LibraryCheck = { missing: [], providers: new Map(), findings: [] };

/**
 * Holds what an image needs against a host, and asks the repositories for what is missing. Where they cannot say, the
 * answer is without names of packages.
 */
export async function checkLibraries(
  record: LibraryRecord,
  libraries: HostLibraries | undefined,
  source: PackageSource,
  packages: readonly SelectedPackage[],
  signal?: AbortSignal,
): Promise<LibraryCheck> {
  if (libraries === undefined) return nothingMissing;
  const { missing, findings } = linkProblems(record.linked, libraries);
  const providers =
    missing.length === 0 ? new Map<string, never>() : await providersOf(missing, record, source, packages, signal);
  const told = missing.map((library) => missingLibraryFinding(library, providers.get(library.library)));
  return { missing, providers, findings: [...told, ...findings] };
}

async function providersOf(...question: Parameters<typeof ask>): ReturnType<typeof ask> {
  try {
    return await ask(...question);
  } catch (error) {
    if (isAgentError(error) && error.code !== 'interrupted') return new Map();
    throw error;
  }
}

async function ask(
  missing: readonly MissingLibrary[],
  { owners }: LibraryRecord,
  source: PackageSource,
  packages: readonly SelectedPackage[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (source.providersOf === undefined) return new Map();
  const local = await source.fetch(packages, signal);
  const byName = new Map(local.map((pkg) => [pkg.name, pkg]));
  const needs = missing.flatMap(({ library, bits, paths }): LibraryNeed[] => {
    const owning = paths.map((path) => byName.get(owners.get(path) ?? ''));
    const owner: LocalPackage | undefined = owning.find((pkg) => pkg !== undefined);
    return owner === undefined ? [] : [{ library, bits, package: owner }];
  });
  return source.providersOf(needs, signal);
}
