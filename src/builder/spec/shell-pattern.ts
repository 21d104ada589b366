/** One part of a pattern of the shell: a character, `?` or `*`. */
export type PatternPart = { readonly character: string } | 'any' | 'anything';

/**
 * Reads a pattern by the rules of Dockerfiles: `*` and `?` are wild, a backslash takes that from `*`, `?` and itself.
 * Before `}` and `/` it only says that the pattern goes on.
 */
export function parsePattern(text: string): { readonly parts: readonly PatternPart[] } | { readonly problem: string } {
  const parts: PatternPart[] = [];
  const characters = Array.from(text);
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? '';
    if (character !== '\\') {
      parts.push(character === '*' ? 'anything' : character === '?' ? 'any' : { character });
      continue;
    }
    const next = characters[index + 1] ?? '';
    if (next === '}' || next === '/') continue;
    if (next !== '*' && next !== '?' && next !== '\\') return { problem: `invalid escape '\\${next}'` };
    parts.push({ character: next });
    index++;
  }
  return { parts };
}

/**
 * How many characters from `start` on the pattern matches: the fewest or the most; undefined where it does not match.
 * Takes time in the order of pattern times text, whatever the pattern is.
 */
export function matchLength(
  parts: readonly PatternPart[],
  text: readonly string[],
  start: number,
  greedy: boolean,
): number | undefined {
  let states = reachable(parts, new Set([0]));
  let best = states.has(parts.length) ? 0 : undefined;
  for (let index = start; index < text.length && states.size > 0; index++) {
    if (best !== undefined && !greedy) return best;
    states = reachable(parts, advance(parts, states, text[index] ?? ''));
    if (states.has(parts.length)) best = index + 1 - start;
  }
  return best;
}

/** The places in the pattern after one more character; what is wild does not match the end of a line. */
function advance(parts: readonly PatternPart[], states: ReadonlySet<number>, character: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const part = parts[state];
    if (part === 'anything') {
      if (character !== '\n') next.add(state);
    } else if (part === 'any' ? character !== '\n' : part?.character === character) next.add(state + 1);
  }
  return next;
}

/** A `*` may also stand for nothing. */
function reachable(parts: readonly PatternPart[], states: Set<number>): Set<number> {
  for (const state of states) if (parts[state] === 'anything') states.add(state + 1);
  return states;
}

/** Replaces the first place where the pattern matches, as much as it can, or every such place. */
export function replacePattern(
  parts: readonly PatternPart[],
  value: string,
  replacement: string,
  every: boolean,
): string {
  const text = Array.from(value);
  const result: string[] = [];
  let [copied, index, end] = [0, 0, -1];
  while (index <= text.length) {
    const length = matchLength(parts, text, index, true);
    // Nothing, right behind a match, is no other match.
    if (length === undefined || (length === 0 && index === end)) {
      index++;
      continue;
    }
    result.push(...text.slice(copied, index), replacement);
    copied = end = index + length;
    if (!every) break;
    index += Math.max(1, length);
  }
  return [...result, ...text.slice(copied)].join('');
}

/** Takes away what the pattern matches at the beginning. */
export function withoutPrefix(parts: readonly PatternPart[], value: string, greedy: boolean): string {
  const text = Array.from(value);
  return text.slice(matchLength(parts, text, 0, greedy) ?? 0).join('');
}

/** Takes away what the pattern matches at the end. */
export function withoutSuffix(parts: readonly PatternPart[], value: string, greedy: boolean): string {
  const text = Array.from(value).reverse();
  const length = matchLength(parts.toReversed(), text, 0, greedy) ?? 0;
  return text.slice(length).reverse().join('');
}
