/** What makes a version the older one of two at the first place where they differ; the empty text stands for its end. */
const olderMarks = ['~', '', '-', '^', '.'] as const;

/**
 * Which of two versions is newer by the Version Format Specification (UAPI.10), as systemd compares them: negative where
 * `a` is the older, positive where it is the newer, 0 where neither is.
 */
export function compareVersions(a: string, b: string): number {
  let [left, right] = [partsOf(a), partsOf(b)];
  while (left.length > 0 || right.length > 0) {
    const order = compareParts(left[0] ?? '', right[0] ?? '');
    if (order !== 0) return order;
    [left, right] = [left.slice(1), right.slice(1)];
  }
  return 0;
}

/** A version as runs of digits, runs of letters and single signs; everything else only separates them. */
function partsOf(version: string): readonly string[] {
  return version.match(/\d+|[A-Za-z]+|[~^.-]/g) ?? [];
}

function compareParts(a: string, b: string): number {
  if (a === b) return 0;
  const mark = olderMarks.find((candidate) => a === candidate || b === candidate);
  if (mark !== undefined) return a === mark ? -1 : 1;
  return compareRuns(a, b);
}

/** Numbers are newer than words; among themselves they go by their value, and words by their bytes. */
function compareRuns(a: string, b: string): number {
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? 1 : -1;
  if (isNumber(a)) return BigInt(a) < BigInt(b) ? -1 : Number(BigInt(a) > BigInt(b));
  return a < b ? -1 : 1;
}

function isNumber(run: string): boolean {
  return /^\d/.test(run);
}
