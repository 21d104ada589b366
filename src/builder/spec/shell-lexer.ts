import { parsePattern, replacePattern, withoutPrefix, withoutSuffix, type PatternPart } from './shell-pattern.ts';

/** What expanding a text gives: the text, and the names that have no value. Or why it cannot be expanded. */
export type Expansion =
  | { readonly ok: true; readonly text: string; readonly unset: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/** How much work may be done; several expansions may share it. */
export interface Budget {
  left: number;
}

/** Ends the reading of a text. */
class LexerError extends Error {}

interface Lexing {
  characters: readonly string[];
  readonly valueOf: (name: string) => string | undefined;
  readonly unset: Set<string>;
  readonly budget: Budget;
  next: number;
  depth: number;
}

/** Deeper nesting of `${a:-${b:-…}}` is never meant. */
const maxDepth = 50;

/**
 * Expands the variables of a text and takes quotes and backslashes away, by the rules for words in a Dockerfile with the
 * backslash as escape character. A variable without a value stays as it is written, whatever form it has.
 * @param valueOf the value of a variable; undefined where it has none.
 */
export function expandWord(
  text: string,
  valueOf: (name: string) => string | undefined,
  budget: Budget = { left: 10_000_000 },
): Expansion {
  const lexing: Lexing = { characters: [], valueOf, unset: new Set(), budget, next: 0, depth: 0 };
  try {
    spend(lexing, text.length);
    lexing.characters = Array.from(text);
    const expanded = readUntil(lexing, undefined, false);
    return { ok: true, text: expanded, unset: [...lexing.unset] };
  } catch (error) {
    if (error instanceof LexerError) return { ok: false, problem: error.message };
    throw error;
  }
}

function peek(lexing: Lexing): string | undefined {
  return lexing.characters[lexing.next];
}

function take(lexing: Lexing): string | undefined {
  return lexing.characters[lexing.next++];
}

function spend(lexing: Lexing, work: number): void {
  lexing.budget.left -= work;
  if (lexing.budget.left < 0) throw new LexerError('the build arguments of this spec take too much work to expand');
}

/** Reads up to a character, which is taken too, or to the end. With `raw`, backslashes stay in the text. */
function readUntil(lexing: Lexing, stop: string | undefined, raw: boolean): string {
  let result = '';
  for (let character = peek(lexing); character !== undefined; character = peek(lexing)) {
    if (character === stop) {
      take(lexing);
      return result;
    }
    result += readPart(lexing, character, raw);
  }
  if (stop === undefined) return result;
  throw new LexerError(stop === '}' ? "syntax error: missing '}'" : `syntax error: missing '${stop}' in \${}`);
}

function readPart(lexing: Lexing, character: string, raw: boolean): string {
  if (character === '$') return readVariable(lexing);
  take(lexing);
  if (character === "'") return readSingleQuoted(lexing);
  if (character === '"') return readDoubleQuoted(lexing);
  if (character !== '\\') return character;
  return (raw ? '\\' : '') + (take(lexing) ?? '');
}

function readSingleQuoted(lexing: Lexing): string {
  let result = '';
  for (let character = take(lexing); character !== "'"; character = take(lexing)) {
    if (character === undefined) {
      throw new LexerError('unexpected end of statement while looking for matching single-quote');
    }
    result += character;
  }
  return result;
}

function readDoubleQuoted(lexing: Lexing): string {
  let result = '';
  for (let character = peek(lexing); character !== '"'; character = peek(lexing)) {
    if (character === undefined) {
      throw new LexerError('unexpected end of statement while looking for matching double-quote');
    }
    result += character === '$' ? readVariable(lexing) : readQuotedCharacter(lexing);
  }
  take(lexing);
  return result;
}

/** Inside of double quotes a backslash only escapes `"`, `$` and itself. */
function readQuotedCharacter(lexing: Lexing): string {
  const character = take(lexing) ?? '';
  if (character !== '\\') return character;
  const next = peek(lexing);
  if (next === undefined) return '';
  return next === '"' || next === '$' || next === '\\' ? (take(lexing) ?? '') : character;
}

function readVariable(lexing: Lexing): string {
  take(lexing);
  if (peek(lexing) === '{') {
    take(lexing);
    return nested(lexing, () => readBraced(lexing));
  }
  const name = readName(lexing);
  return name === '' ? '$' : (lookUp(lexing, name) ?? `$${name}`);
}

function nested(lexing: Lexing, read: () => string): string {
  if (lexing.depth >= maxDepth) throw new LexerError(`\${} is nested deeper than ${maxDepth} levels`);
  lexing.depth++;
  const result = read();
  lexing.depth--;
  return result;
}

function lookUp(lexing: Lexing, name: string): string | undefined {
  const value = lexing.valueOf(name);
  if (value === undefined) lexing.unset.add(name);
  else spend(lexing, value.length);
  return value;
}

/** Letters, digits and `_`; digits alone where it begins with one; or one of the special parameters. */
function readName(lexing: Lexing): string {
  const first = peek(lexing) ?? '';
  if (/^[@*#?$!-]$/.test(first)) return take(lexing) ?? '';
  const part = /^\p{Nd}$/u.test(first) ? /^\p{Nd}$/u : /^[\p{L}\p{Nd}_]$/u;
  let name = '';
  while (part.test(peek(lexing) ?? '')) name += take(lexing) ?? '';
  return name;
}

/** What follows `${`. */
function readBraced(lexing: Lexing): string {
  const first = peek(lexing);
  if (first === undefined) throw new LexerError("syntax error: missing '}'");
  if (first === '{' || first === '}' || first === ':') throw new LexerError('syntax error: bad substitution');
  const name = readName(lexing);
  const modifier = take(lexing);
  if (modifier === '}') return lookUp(lexing, name) ?? `\${${name}}`;
  if (modifier === '/') return readReplacement(lexing, name);
  return modifier === ':' ? readDefault(lexing, name, take(lexing), true) : readOther(lexing, name, modifier);
}

function readOther(lexing: Lexing, name: string, modifier: string | undefined): string {
  return modifier === '#' || modifier === '%'
    ? readTrimmed(lexing, name, modifier)
    : readDefault(lexing, name, modifier, false);
}

/** `${name-word}`, `${name+word}`, `${name?word}`, and with a colon the same where the value is empty. */
function readDefault(lexing: Lexing, name: string, modifier: string | undefined, colon: boolean): string {
  const sign = `${colon ? ':' : ''}${modifier ?? ''}`;
  if (modifier === undefined) throw new LexerError("syntax error: missing '}'");
  if (!['-', '+', '?'].includes(modifier)) throw new LexerError(`unsupported modifier (${sign}) in substitution`);
  const word = readUntil(lexing, '}', false);
  const value = lookUp(lexing, name);
  if (value === undefined) return `\${${name}${sign}${word}}`;
  return withDefault(name, modifier, word, colon && value === '' ? undefined : value);
}

/** @param value undefined where it counts as missing. */
function withDefault(name: string, modifier: string, word: string, value: string | undefined): string {
  if (modifier === '-') return value ?? word;
  if (modifier === '+') return value === undefined ? '' : word;
  if (value === undefined) throw new LexerError(`${name}: ${word === '' ? 'is not allowed to be empty' : word}`);
  return value;
}

/** `${name#pattern}`, `${name%pattern}`; doubled, as much as the pattern can match. */
function readTrimmed(lexing: Lexing, name: string, modifier: '#' | '%'): string {
  const word = readUntil(lexing, '}', true);
  const value = lookUp(lexing, name);
  if (value === undefined) return `\${${name}${modifier}${word}}`;
  const greedy = word.startsWith(modifier);
  const parts = patternOf(greedy ? word.slice(1) : word);
  spend(lexing, (parts.length + 1) * value.length);
  return (modifier === '#' ? withoutPrefix : withoutSuffix)(parts, value, greedy);
}

/** `${name/pattern/replacement}`, and `${name//pattern/replacement}` for every match. */
function readReplacement(lexing: Lexing, name: string): string {
  const every = peek(lexing) === '/';
  if (every) take(lexing);
  const pattern = readUntil(lexing, '/', true);
  const replacement = readUntil(lexing, '}', true);
  const value = lookUp(lexing, name);
  if (value === undefined) return `\${${name}/${every ? '/' : ''}${pattern}/${replacement}}`;
  const parts = patternOf(pattern);
  const tries = parts.includes('anything') ? value.length + 1 : 1;
  spend(lexing, (parts.length + 1) * (value.length + 1) * tries + value.length * replacement.length);
  return replacePattern(parts, value, replacement, every);
}

function patternOf(text: string): readonly PatternPart[] {
  const pattern = parsePattern(text);
  if ('parts' in pattern) return pattern.parts;
  throw new LexerError(`invalid pattern (${text}) in substitution: ${pattern.problem}`);
}
