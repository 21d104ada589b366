import { RE2JS, RE2JSException } from 're2js';

/**
 * Patterns of .dockerignore files, by which Dalec selects the files of a source: `*` and `?` stand for characters of one
 * part of a path, hidden files too; `**` for any number of parts; `[a-c]` for one of some characters; `\` takes a character as it is.
 * @returns whether a path, relative and without needless parts, is what the pattern says.
 */
export function pathPattern(pattern: string): (path: string) => boolean {
  const clean = cleaned(pattern);
  const expression = expressionOf(clean);
  return (path) => (expression === undefined ? path === clean : expression.test(path));
}

function cleaned(pattern: string): string {
  return pattern
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/**
 * Undefined where it cannot be read: then it stands for itself. Expressions of JavaScript could take hours for some
 * patterns of a few `**`; these take time in proportion to the path.
 */
function expressionOf(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(`^${pattern.replace(tokens, translated)}$`, RE2JS.DOTALL);
  } catch (error) {
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}

/** What has a meaning in a pattern, longest first; then what has one in an expression only. */
const tokens = /\*\*\/|\*\*|\*|\?|\\[\s\S]|\[\^?[^\]/]+\]|[.+^${}()|\\[\]]/gu;

function translated(token: string): string {
  if (token === '**/') return '(?:.*/)?';
  if (token === '**') return '.*';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.length > 2 && token.startsWith('[')) return token;
  const character = token.replace(/^\\(?=[\s\S])/u, '');
  return /[.*+?^${}()|[\]\\/]/.test(character) ? `\\${character}` : character;
}
