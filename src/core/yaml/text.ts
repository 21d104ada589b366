/** Text of a file as it may stand in a message: quoted, with everything a terminal would act on escaped. */
export function quote(text: string): string {
  return printable(JSON.stringify(text));
}

/** Text with everything a terminal would act on escaped. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** The path of a field inside of `path`: `a.b`, or `a["b.c"]` where the name has other characters. */
export function fieldPath(path: string, name: string): string {
  if (!/^[\w+-]+$/.test(name)) return `${path}[${quote(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** The path of an item of a list. */
export function itemPath(path: string, index: number): string {
  return `${path}[${index}]`;
}

/** The known name that `name` was probably meant to be: at most a third of its letters away, the nearest first. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const limit = Math.ceil(name.length / 3);
  if (name.length > 64) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** How many letters to insert, delete or replace to get from one word to the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of Array.from(from).entries()) {
    const next = [line + 1];
    for (const [column, other] of Array.from(to).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
