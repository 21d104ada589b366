import type { ImageEntry } from '../image-entry.ts';
import {
  filePaths,
  isMerged,
  type HostEntry,
  type ImageContents,
  type OtherExtension,
  type Surroundings,
} from './contents.ts';
import type { Finding } from './finding.ts';
import { entryRule, finding, shownPath, winsOver, type Rule } from './rule.ts';

/**
 * The files of the host that would be shadowed by the image, without a leading slash. Documentation is left out: nothing
 * runs by it.
 */
export function shadowedPaths(
  { entries }: Pick<ImageContents, 'entries'>,
  { hostEntry }: Pick<Surroundings, 'hostEntry'>,
): string[] {
  return entries
    .filter((entry) => isMerged(entry.path) && !isDocumentation(entry.path))
    .filter((entry) => isShadow(entry, hostEntry(entry.path)))
    .map(({ path }) => path);
}

function isDocumentation(path: string): boolean {
  return /^usr\/share\/(?:doc|man|info|locale|lintian)\//.test(path);
}

/** A directory over a link, and what is no directory over one, are refused. */
function isShadow({ kind, target }: ImageEntry, host: HostEntry | undefined): boolean {
  if (host === undefined || host.kind === 'directory') return false;
  if (kind === 'directory') return host.kind !== 'symlink';
  return kind !== 'symlink' || host.target !== target;
}

const shadowedFile: Rule = {
  id: 'shadowed-file',
  severity: 'tell',
  allowable: true,
  find: (contents, surroundings) => {
    const paths = shadowedPaths(contents, surroundings);
    return finding(
      shadowedFile,
      paths,
      (named) => `${named}: this host has the same, which would be hidden${packagesOf(paths, surroundings)}`,
      'Take the extension out where the files of the host are the ones that are meant.',
    );
  },
};

const mostPackages = 5;

function packagesOf(paths: readonly string[], { owners }: Surroundings): string {
  const packages = [...new Set(paths.flatMap((path) => owners.get(path) ?? []))].sort();
  if (packages.length === 0) return '';
  const more = packages.length - mostPackages;
  const named = packages.slice(0, mostPackages).map(shownPath).join(', ');
  return `; ${packages.length === 1 ? 'package' : 'packages'} ${named}${more > 0 ? ` and ${more} more` : ''}`;
}

/** From so many shadowed programs and libraries on, the image is rather a part of a system than an addition to one. */
const manyShadowed = 20;

const prefix: Rule = {
  id: 'prefix',
  severity: 'tell',
  allowable: true,
  find: (contents, surroundings) => {
    const paths = shadowedPaths(contents, surroundings).filter((path) => /^usr\/(?:local\/)?(?:s?bin|lib)/.test(path));
    if (paths.length < manyShadowed) return [];
    return finding(
      prefix,
      paths,
      (named) => `${named}: programs of this host would run with these in place of their own`,
      'Build it with a prefix of its own, such as /opt/NAME, and a wrapper in /usr/bin for each program.',
    );
  },
};

const hidesExtensionFile: Rule = {
  id: 'hides-extension-file',
  severity: 'tell',
  allowable: true,
  find: (contents, { others }) =>
    others.flatMap((other) =>
      winsOver(contents.name, other.name) === false
        ? []
        : overlap(hidesExtensionFile, contents, other, winnerText(contents.name, other.name)),
    ),
};

function winnerText(name: string, other: string): string {
  return winsOver(name, other) === undefined
    ? `${other} has the same, and systemd does not say which of the two wins`
    : `${other} has the same, which would be hidden: ${name} is the greater name`;
}

const hiddenByExtension: Rule = {
  id: 'hidden-by-extension',
  severity: 'tell',
  allowable: true,
  find: (contents, { others }) =>
    others
      .filter((other) => winsOver(contents.name, other.name) === false)
      .flatMap((other) => {
        const text = `${other.name} has the same, which would hide it: ${other.name} is the greater name`;
        return overlap(hiddenByExtension, contents, other, text);
      }),
};

function overlap(rule: Rule, contents: ImageContents, other: OtherExtension, text: string): readonly Finding[] {
  return finding(
    rule,
    filePaths(contents.entries).filter((path) => other.paths.has(path)),
    (named) => `${named}: ${text}`,
    'Build one of the two without them, or give the one that is to win the greater name.',
  );
}

const notMergedPath = entryRule({
  id: 'not-merged-path',
  severity: 'tell',
  because: 'only /usr and /opt are merged, this is not',
  remedy: 'Put it below /usr or /opt; what belongs to /etc or /var is made by tmpfiles.d.',
  concerns: () => (entry) => entry.kind !== 'directory' && !isMerged(entry.path) && !isTopLink(entry),
});

/** Trees of packages have `lib` and `bin` as links to where they are merged. */
function isTopLink({ kind, path }: ImageEntry): boolean {
  return kind === 'symlink' && !path.includes('/');
}

/** What is only said. */
export const tellingRules: readonly Rule[] = [
  shadowedFile,
  prefix,
  hidesExtensionFile,
  hiddenByExtension,
  notMergedPath,
];
