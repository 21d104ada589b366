import { matchesGlob } from 'node:path/posix';

/**
 * Whether a source takes a path, by its `includes` and `excludes`: a pattern that fits a directory fits all below it, and
 * an exclusion that begins with `!` takes back an earlier one (the patterns of .dockerignore files).
 * @param path relative to the source's own `path`.
 */
export function isSelected(path: string, includes: readonly string[], excludes: readonly string[]): boolean {
  const included = includes.length === 0 || includes.some((pattern) => fits(path, pattern));
  return included && !isExcluded(path, excludes);
}

function isExcluded(path: string, patterns: readonly string[]): boolean {
  return patterns.reduce((excluded, pattern) => {
    const isException = pattern.startsWith('!');
    return fits(path, isException ? pattern.slice(1) : pattern) ? !isException : excluded;
  }, false);
}

function fits(path: string, pattern: string): boolean {
  const clean = pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
  return upwards(path).some((place) => matchesGlob(place, clean));
}

/** A path and every directory above it. */
function upwards(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
