import type { ImageEntry } from '../image-entry.ts';
import { compareVersions } from '../version-order.ts';
import { quote } from '../yaml/text.ts';
import type { ImageContents, Surroundings } from './contents.ts';
import type { Finding, Severity } from './finding.ts';

/** One rule about the contents of an image. */
export interface Rule {
  /** How it is allowed and recorded: `setuid`. */
  readonly id: string;
  readonly severity: Severity;
  /** Whether one may allow what it finds; what only tells needs no allowing, and allowed is told no more. */
  readonly allowable: boolean;
  readonly find: (contents: ImageContents, surroundings: Surroundings) => readonly Finding[];
}

/** A rule that looks at each entry by itself; what it finds is one finding. */
export interface EntryRule extends Pick<Rule, 'id' | 'severity'> {
  readonly allowable?: boolean;
  /** What follows of such entries, as a clause after their paths: "they run with the rights of their owner". */
  readonly because: string;
  readonly remedy: string;
  /** Prepares the test of an entry. */
  readonly concerns: (contents: ImageContents, surroundings: Surroundings) => (entry: ImageEntry) => boolean;
}

export function entryRule({ because, remedy, concerns, ...rule }: EntryRule): Rule {
  return {
    allowable: true,
    ...rule,
    find: (contents, surroundings) => {
      const paths = contents.entries.filter(concerns(contents, surroundings)).map(({ path }) => path);
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
