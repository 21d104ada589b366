/** rpm's order of versions (rpm-version(7), rpmvercmp). A version is written `epoch:version-release`. */

interface Parts {
  readonly epoch: number;
  readonly version: string;
  /** Undefined where none is written. */
  readonly release: string | undefined;
}

/** The epoch is the digits before the first colon; the release begins after the last hyphen. */
function partsOf(text: string): Parts {
  const [, epoch = '0', rest = text] = /^(\d*):(.*)$/s.exec(text) ?? [];
  const hyphen = rest.lastIndexOf('-');
  return {
    epoch: Number(epoch),
    version: hyphen === -1 ? rest : rest.slice(0, hyphen),
    release: hyphen === -1 ? undefined : rest.slice(hyphen + 1),
  };
}

/**
 * Compares two full versions: epoch (none is 0), version, and release where both have one: a constraint without a release
 * allows every release.
 * @returns a negative number where `a` is older, a positive one where it is newer, 0 where the order makes no difference.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  const order = left.epoch - right.epoch || compareSegments(left.version, right.version);
  if (order !== 0 || left.release === undefined || right.release === undefined) return order;
  return compareSegments(left.release, right.release);
}

/**
 * Compares two parts of versions, segment by segment. What is neither letter nor digit of ASCII only separates, but for
 * `~`, which sorts before the end, and `^`, which sorts after the end and before everything else.
 */
export function compareSegments(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [segments(a), segments(b)];
  for (let index = 0; ; index++) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined && other === undefined) return 0;
    const order = compareSegment(one, other);
    if (order !== 0) return order;
  }
}

function segments(part: string): readonly string[] {
  return part.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
}

/** Of the kinds of segments a later one is newer: tilde, the end, caret, letters, digits. */
function rank(segment: string | undefined): number {
  if (segment === undefined) return 1;
  if (segment === '~') return 0;
  if (segment === '^') return 2;
  return /^\d/.test(segment) ? 4 : 3;
}

function compareSegment(a: string | undefined, b: string | undefined): number {
  const order = rank(a) - rank(b);
  if (order !== 0 || a === undefined || b === undefined) return order;
  return rank(a) === 4 ? compareNumbers(a, b) : compareText(a, b);
}

/** Runs of digits can be longer than a number holds: without leading zeros the longer one is the greater. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || compareText(left, right);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
