import type { ImageEntry } from '../image-entry.ts';
import { compareVersions } from '../version-order.ts';
import { quote } from '../yaml/text.ts';
import type { ImageContents, Surroundings } from './contents.ts';
import type { Finding, Severity } from './finding.ts';

/** An image as the rules look at it. */
export interface PreparedContents extends ImageContents {
  /** What is no directory and lies where a system looks for more than data: most files do not. */
  readonly watched: readonly ImageEntry[];
}

export function prepare(contents: ImageContents): PreparedContents {
  return { ...contents, watched: contents.entries.filter((entry) => entry.kind !== 'directory' && !isData(entry)) };
}

/** Most of an image is data in /usr/share; what a rule watches there is named here. */
function isData({ path }: ImageEntry): boolean {
  return path.startsWith('usr/share/') && !/^usr\/share\/(?:dbus-1|polkit-1|pam-configs|[^/]+\/etc\/)/.test(path);
}

/** One rule about the contents of an image. */
export interface Rule {
  /** How it is allowed and recorded: `setuid`. */
  readonly id: string;
  readonly severity: Severity;
  /** Whether one may allow what it finds; what only tells needs no allowing, and allowed is told no more. */
  readonly allowable: boolean;
  readonly find: (contents: PreparedContents, surroundings: Surroundings) => readonly Finding[];
}

/** A rule that looks at each entry by itself; what it finds is one finding. */
export interface EntryRule extends Pick<Rule, 'id' | 'severity'> {
  readonly allowable?: boolean;
  /** What follows of such entries, as a clause after their paths: "they run with the rights of their owner". */
  readonly because: string;
  readonly remedy: string;
  /** Prepares the test of an entry. */
  readonly concerns: (contents: PreparedContents, surroundings: Surroundings) => (entry: ImageEntry) => boolean;
}

export function entryRule(rule: EntryRule): Rule {
  return ruleAbout(rule, ({ entries }) => entries);
}

/** The same of entries that are watched. */
export function watchRule(rule: EntryRule): Rule {
  return ruleAbout(rule, ({ watched }) => watched);
}

function ruleAbout(
  { because, remedy, concerns, ...rule }: EntryRule,
  entriesOf: (contents: PreparedContents) => readonly ImageEntry[],
): Rule {
  return {
    allowable: true,
    ...rule,
    find: (contents, surroundings) => {
      const paths = entriesOf(contents)
        .filter(concerns(contents, surroundings))
        .map(({ path }) => path);
      return finding(rule, paths, (named) => `${named}: ${because}`, remedy);
    },
  };
}

/**
 * One finding about these paths, or none where there are none.
 * @param paths without leading slash, in any order.
 * @param message of the first paths, as text.
 */
export function finding(
  { id, severity }: Pick<Rule, 'id' | 'severity'>,
  paths: readonly string[],
  message: (named: string) => string,
  remedy: string,
): readonly Finding[] {
  if (paths.length === 0) return [];
  const absolute = sortedByBytes(paths.map((path) => `/${path}`));
  return [{ rule: id, severity, paths: absolute, message: message(namedPaths(absolute)), remedy }];
}

const mostNamed = 3;

/**
 * The first of some paths and how many more there are, for a message.
 * @param count of all of them, where `paths` are only the first.
 */
export function namedPaths(paths: readonly string[], count = paths.length): string {
  const named = paths.slice(0, mostNamed).map(shownPath).join(', ');
  const more = count - mostNamed;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** A path of an image, which may hold anything, as it may stand in a message. */
export function shownPath(path: string): string {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(path) ? quote(path) : path;
}

/** Names are what was read of an image: some are no UTF-8, and half a pair of UTF-16 has no order of its own. */
function sortedByBytes(paths: readonly string[]): string[] {
  return paths
    .map((path) => ({ path, key: Buffer.from(path) }))
    .sort((a, b) => a.key.compare(b.key))
    .map(({ path }) => path);
}

/**
 * Whether the files of the extension `a` win over those of `b` where both have them: the greater name lies on top
 * (systemd-sysext(8)). Undefined where systemd gives the two no order.
 */
export function winsOver(a: string, b: string): boolean | undefined {
  const order = compareVersions(a, b);
  return order === 0 ? undefined : order > 0;
}
