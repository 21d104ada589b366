/** The words of a command, or why it has none that can be run. */
export type Words =
  { readonly ok: true; readonly words: readonly string[] } | { readonly ok: false; readonly problem: string };

/** Where the reading of a command is: between words, in one, in quotes, in a comment. */
type State = 'between' | 'word' | 'single' | 'double' | 'comment';

/** What ends a word; other blanks of Unicode do not (github.com/google/shlex). */
const blanks: ReadonlySet<string> = new Set([' ', '\t', '\r', '\n']);

interface Reading {
  readonly characters: readonly string[];
  readonly words: string[];
  next: number;
  state: State;
  word: string;
}

/**
 * Splits a command into words by the rules of google/shlex, as Dalec does for the steps of tests: blanks part words, both
 * kinds of quotes keep them together, a backslash takes the character after it as it is but between single quotes, and `#`
 * where a word would begin starts a comment. Nothing is expanded, and no other character means anything.
 */
export function splitWords(command: string): Words {
  const reading: Reading = { characters: Array.from(command), words: [], next: 0, state: 'between', word: '' };
  for (let character = take(reading); character !== undefined; character = take(reading)) {
    if (reading.state === 'comment') {
      if (character === '\n') reading.state = 'between';
    } else if (character === '\\' && reading.state !== 'single') {
      if (!readEscaped(reading)) return { ok: false, problem: 'it ends after a backslash' };
    } else read(reading, character);
  }
  if (reading.state === 'single' || reading.state === 'double') return { ok: false, problem: 'a quote is not closed' };
  if (reading.state === 'word') reading.words.push(reading.word);
  return reading.words.length === 0 ? { ok: false, problem: 'it has no word' } : { ok: true, words: reading.words };
}

function take(reading: Reading): string | undefined {
  return reading.characters[reading.next++];
}

function readEscaped(reading: Reading): boolean {
  const escaped = take(reading);
  if (escaped === undefined) return false;
  reading.word += escaped;
  if (reading.state === 'between') reading.state = 'word';
  return true;
}

function read(reading: Reading, character: string): void {
  if (reading.state === 'single' || reading.state === 'double') readQuoted(reading, character);
  else if (blanks.has(character)) endWord(reading);
  else if (character === "'") reading.state = 'single';
  else if (character === '"') reading.state = 'double';
  else if (character === '#' && reading.state === 'between') reading.state = 'comment';
  else {
    reading.word += character;
    reading.state = 'word';
  }
}

function readQuoted(reading: Reading, character: string): void {
  if (character === (reading.state === 'single' ? "'" : '"')) reading.state = 'word';
  else reading.word += character;
}

function endWord(reading: Reading): void {
  if (reading.state === 'word') reading.words.push(reading.word);
  reading.word = '';
  reading.state = 'between';
}
