/**
 * Which of two versions is newer by the Version Format Specification (UAPI.10), as systemd compares them: negative where
 * `a` is the older, positive where it is the newer, 0 where neither is. The steps are those of strverscmp_improved(),
 * and so is that the end of a version is looked for once in a round: `1^.` is older than `1^`.
 */
export function compareVersions(a: string, b: string): number {
  const left: Reading = { version: a, at: 0 };
  const right: Reading = { version: b, at: 0 };
  for (;;) {
    skipSeparators(left);
    skipSeparators(right);
    const earlier = compareMark(left, right, marks.tilde) || compareEnds(left, right);
    if (earlier !== 0 || isAtEnd(left)) return earlier;
    const order = compareMarks(left, right) || compareRuns(left, right);
    if (order !== 0) return order;
  }
}

function compareMarks(left: Reading, right: Reading): number {
  if (isDigit(codeOf(left)) && isDigit(codeOf(right))) return 0;
  return (
    compareMark(left, right, marks.dash) || compareMark(left, right, marks.caret) || compareMark(left, right, marks.dot)
  );
}

/**
 * The newest first; of those that are the same age the first. They are looked for one at a time: of thousands mostly the
 * newest alone is asked for.
 */
export function* newestFirst<T>(all: readonly T[], versionOf: (one: T) => string): Generator<T, void> {
  const rest = all.map((one) => ({ one, version: versionOf(one) }));
  for (;;) {
    let newest = rest[0];
    if (newest === undefined) return;
    for (const each of rest) if (compareVersions(each.version, newest.version) > 0) newest = each;
    yield newest.one;
    rest.splice(rest.indexOf(newest), 1);
  }
}

/** A version and how far it was read: by the codes of its signs, since of thousands each is looked at several times. */
interface Reading {
  readonly version: string;
  at: number;
}

const marks = { dash: 0x2d, dot: 0x2e, caret: 0x5e, tilde: 0x7e };

/** A version as runs of digits, runs of letters, single signs, and what only separates them. */
export function versionParts(version: string): readonly string[] {
  return version.match(/\d+|[A-Za-z]+|[~^.-]|[^A-Za-z\d~^.-]+/g) ?? [];
}

/** The code of the next sign; not a number at the end. */
function codeOf({ version, at }: Reading): number {
  return version.charCodeAt(at);
}

function isAtEnd({ version, at }: Reading): boolean {
  return at >= version.length;
}

function skipSeparators(reading: Reading): void {
  while (!isAtEnd(reading) && !hasMeaning(codeOf(reading))) reading.at++;
}

function hasMeaning(code: number): boolean {
  return isDigit(code) || isLetter(code) || isMark(code);
}

function isMark(code: number): boolean {
  return code === marks.dot || code === marks.dash || code === marks.tilde || code === marks.caret;
}

/** The one of two that has a mark is the older; where both have it, it is read. */
function compareMark(left: Reading, right: Reading, mark: number): number {
  const inLeft = codeOf(left) === mark;
  const inRight = codeOf(right) === mark;
  if (inLeft && inRight) {
    left.at++;
    right.at++;
  }
  return Number(inRight) - Number(inLeft);
}

function compareEnds(left: Reading, right: Reading): number {
  return Number(isAtEnd(right)) - Number(isAtEnd(left));
}

/** Numbers are newer than words; among themselves they go by their value, and words by their bytes. */
function compareRuns(left: Reading, right: Reading): number {
  const inLeft = isDigit(codeOf(left));
  const inRight = isDigit(codeOf(right));
  if (inLeft && inRight) return compareNumbers(left, right);
  if (inLeft || inRight) return Number(inLeft) - Number(inRight);
  return compareTexts(runOf(left, isLetter), runOf(right, isLetter));
}

/** Digits of any length, by their value: the longer ones without zeros before them, else the first that differ. */
function compareNumbers(left: Reading, right: Reading): number {
  skipZeros(left);
  skipZeros(right);
  let order = 0;
  while (isDigit(codeOf(left)) && isDigit(codeOf(right))) {
    order ||= codeOf(left) - codeOf(right);
    left.at++;
    right.at++;
  }
  return Number(isDigit(codeOf(left))) - Number(isDigit(codeOf(right))) || order;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function skipZeros(reading: Reading): void {
  while (codeOf(reading) === zero) reading.at++;
}

/** Reads the digits or letters that come next; empty where there are none. */
function runOf(reading: Reading, isOfKind: (code: number) => boolean): string {
  const start = reading.at;
  while (isOfKind(codeOf(reading))) reading.at++;
  return reading.version.slice(start, reading.at);
}

const zero = 0x30;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
