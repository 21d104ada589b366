import { directoriesAbove } from '../tree/merge.ts';
import { pathPattern } from './patterns.ts';

/** What a source says of the files it takes, as patterns. */
export interface Selection {
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
}

/** The selection of a source as the spec has it. */
export function selectionOf(source: {
  readonly includes: readonly { readonly value: string }[];
  readonly excludes: readonly { readonly value: string }[];
}): Selection {
  const texts = (list: readonly { readonly value: string }[]) => list.map(({ value }) => value);
  return { includes: texts(source.includes), excludes: texts(source.excludes) };
}

/**
 * Of some entries those that a source takes, with the directories they lie in; a directory in which nothing was asked for
 * is left out.
 */
export function selected<T extends { readonly path: string }>(
  entries: readonly T[],
  selection: Selection,
): readonly T[] {
  if (selection.includes.length === 0 && selection.excludes.length === 0) return entries;
  const isTaken = selector(selection);
  const taken = new Set(entries.map(({ path }) => path).filter(isTaken));
  const above = directoriesAbove(taken);
  return entries.filter(({ path }) => taken.has(path) || above.has(path));
}

/**
 * Whether a source takes a path, by its `includes` and `excludes`: a pattern that fits a directory fits all below it, and
 * an exclusion that begins with `!` takes back an earlier one (the patterns of .dockerignore files).
 */
export function selector({ includes, excludes }: Selection): (path: string) => boolean {
  const wanted = includes.map(fitting);
  const unwanted = excludes.map((pattern) => ({
    isException: pattern.startsWith('!'),
    fits: fitting(pattern.replace(/^!/, '')),
  }));
  return (path) => {
    const places = upwards(path);
    const isIncluded = wanted.length === 0 || wanted.some((fits) => fits(places));
    return isIncluded && !unwanted.reduce((out, { isException, fits }) => (fits(places) ? !isException : out), false);
  };
}

function fitting(pattern: string): (places: readonly string[]) => boolean {
  const fits = pathPattern(pattern);
  return (places) => places.some(fits);
}

/** A path and every directory above it. */
function upwards(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
