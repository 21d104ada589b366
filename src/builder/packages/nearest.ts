/**
 * The names that a misspelt one may have meant: the nearest first, by the number of letters that differ.
 * @param names in any order; a name may come twice.
 */
export function nearestNames(name: string, names: Iterable<string>, most = 3): string[] {
  const limit = largestDistance(name);
  const distances = new Map<string, number>();
  for (const candidate of names) {
    const distance = editDistance(name, candidate, limit);
    if (distance <= limit) distances.set(candidate, distance);
  }
  return [...distances]
    .sort(([a, near], [b, far]) => near - far || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([candidate]) => candidate);
}

/** How many letters of a name may be wrong before another name is no longer what was meant. */
export function largestDistance(name: string): number {
  return name.length <= 4 ? 1 : name.length <= 8 ? 2 : 3;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b` (optimal string alignment).
 * @returns any number above `limit` where the distance is above it: the computation then stops early.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = nextRow(a, b, row, last, beforeLast);
    if (Math.min(...current) > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? limit + 1;
}

function nextRow(a: string, b: string, row: number, last: readonly number[], beforeLast: readonly number[]): number[] {
  const current = [row];
  const cell = (cells: readonly number[], column: number) => cells[column] ?? Infinity;
  for (let column = 1; column <= b.length; column++) {
    const replaced = cell(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
    const swapped =
      a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? cell(beforeLast, column - 2) + 1 : Infinity;
    current.push(Math.min(replaced, swapped, cell(last, column) + 1, cell(current, column - 1) + 1));
  }
  return current;
}
