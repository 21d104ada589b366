/**
 * Which of two versions is newer by the Version Format Specification (UAPI.10), as systemd compares them: negative where
 * `a` is the older, positive where it is the newer, 0 where neither is. The steps are those of strverscmp_improved(),
 * and so is that the end of a version is looked for once in a round: `1^.` is older than `1^`.
 */
export function compareVersions(a: string, b: string): number {
  return compareParts(versionParts(a), versionParts(b));
}

/**
 * The newest first; of those that are the same age the first. They are looked for one at a time: of thousands mostly the
 * newest alone is asked for.
 */
export function* newestFirst<T>(all: readonly T[], versionOf: (one: T) => string): Generator<T, void> {
  const rest = all.map((one) => ({ one, parts: versionParts(versionOf(one)) }));
  for (;;) {
    let newest = rest[0];
    if (newest === undefined) return;
    for (const each of rest) if (compareParts(each.parts, newest.parts) > 0) newest = each;
    yield newest.one;
    rest.splice(rest.indexOf(newest), 1);
  }
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  const [left, right]: [Reading, Reading] = [
    { parts: a, at: 0 },
    { parts: b, at: 0 },
  ];
  for (;;) {
    for (const reading of [left, right]) skipSeparators(reading);
    const earlier = compareMark(left, right, '~') || compareEnds(left, right);
    if (earlier !== 0 || isAtEnd(left)) return earlier;
    const order =
      compareMark(left, right, '-') ||
      compareMark(left, right, '^') ||
      compareMark(left, right, '.') ||
      compareRuns(left, right);
    if (order !== 0) return order;
  }
}

/** A version and how far it was read. */
interface Reading {
  readonly parts: readonly string[];
  at: number;
}

/** A version as runs of digits, runs of letters, single signs, and what only separates them. */
export function versionParts(version: string): readonly string[] {
  return version.match(/\d+|[A-Za-z]+|[~^.-]|[^A-Za-z\d~^.-]+/g) ?? [];
}

/** The next part; empty at the end. */
function partOf({ parts, at }: Reading): string {
  return parts[at] ?? '';
}

function isAtEnd({ parts, at }: Reading): boolean {
  return at >= parts.length;
}

function skipSeparators(reading: Reading): void {
  const part = partOf(reading);
  if (part !== '' && !isNumber(part) && !isWord(part) && !'~^.-'.includes(part)) reading.at++;
}

/** The one of two that has a mark is the older; where both have it, it is read. */
function compareMark(left: Reading, right: Reading, mark: string): number {
  const [inLeft, inRight] = [partOf(left) === mark, partOf(right) === mark];
  if (inLeft && inRight) for (const reading of [left, right]) reading.at++;
  return Number(inRight) - Number(inLeft);
}

function compareEnds(left: Reading, right: Reading): number {
  return Number(isAtEnd(right)) - Number(isAtEnd(left));
}

/** Numbers are newer than words; among themselves they go by their value, and words by their bytes. */
function compareRuns(left: Reading, right: Reading): number {
  const areNumbers = isNumber(partOf(left)) || isNumber(partOf(right));
  const isOfKind = areNumbers ? isNumber : isWord;
  const [a, b] = [runOf(left, isOfKind), runOf(right, isOfKind)];
  if (a === '' || b === '' || !areNumbers) return a < b ? -1 : Number(a > b);
  return compareNumbers(a, b);
}

/** Digits of any length, by their value. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || (left < right ? -1 : Number(left > right));
}

/** Reads the next part where it is of this kind; else the run is empty. */
function runOf(reading: Reading, isOfKind: (part: string) => boolean): string {
  const part = partOf(reading);
  if (!isOfKind(part)) return '';
  reading.at++;
  return part;
}

// By the codes of the first sign: of thousands of versions each is looked at several times.

function isNumber(part: string): boolean {
  const code = part.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}

function isWord(part: string): boolean {
  const code = part.charCodeAt(0) | 0x20;
  return code >= 0x61 && code <= 0x7a;
}
