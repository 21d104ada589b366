import { architectures, type Architecture } from './architecture.ts';
import type { ReleaseFields } from './os-release.ts';
import { quote } from './yaml/text.ts';

/**
 * A pattern of file names as in `MatchPattern=` of sysupdate.d(5): `@v` stands for the version, other wildcards for what
 * else a name may say, `%a` and other specifiers for what this host is.
 */
export interface MatchPattern {
  /** As it was written. */
  readonly text: string;
  readonly parts: readonly PatternPart[];
}

export type PatternPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'wildcard'; readonly letter: WildcardLetter }
  | { readonly kind: 'specifier'; readonly letter: SpecifierLetter };

/** What each wildcard of sysupdate.d(5) may stand for; the version has the characters of systemd before and after 262. */
const wildcards = {
  v: /^[A-Za-z0-9.,_+~^-]+$/, // version
  u: /^[0-9A-Fa-f-]{32,36}$/, // UUID of a partition
  f: /^(0x)?[0-9A-Fa-f]{1,16}$/, // its flags
  a: /^[01]$/, // its flag no-auto
  g: /^[01]$/, // its flag grow-fs
  r: /^[01]$/, // its flag read-only
  t: /^[0-9]{1,20}$/, // time of modification, in µs
  m: /^[0-7]{1,4}$/, // mode
  s: /^[0-9]{1,15}$/, // size in bytes
  d: /^[0-9]{1,10}$/, // tries done
  l: /^[0-9]{1,10}$/, // tries left
  h: /^[0-9A-Fa-f]{64}$/, // sha256
} as const;

type WildcardLetter = keyof typeof wildcards;

/** The fields of os-release behind specifiers; `%a` is the architecture, `%v` the release of the kernel. */
const releaseFields = {
  A: 'IMAGE_VERSION',
  B: 'BUILD_ID',
  M: 'IMAGE_ID',
  o: 'ID',
  w: 'VERSION_ID',
  W: 'VARIANT_ID',
} as const;

type SpecifierLetter = keyof typeof releaseFields | 'a' | 'v';

const specifierLetters = ['a', 'v', ...Object.keys(releaseFields)] as readonly string[];

/** What this host is, for specifiers. */
export interface PatternHost {
  readonly release: ReleaseFields;
  /** As `uname -r` says it. */
  readonly kernel: string;
}

/** What the name of a file says of the image in it. */
export interface MatchedName {
  readonly version: string;
  /** Absent where the pattern has no architecture. */
  readonly architecture?: Architecture;
  /** In bytes. */
  readonly size?: number;
  /** In hexadecimal. */
  readonly sha256?: string;
}

const longest = 255;

/** Reads a pattern; what is none is a problem that says why. */
export function parseMatchPattern(text: string): { readonly value: MatchPattern } | { readonly problem: string } {
  const problem = problemOfText(text);
  if (problem !== undefined) return { problem };
  const parts: PatternPart[] = [];
  for (const [piece, sign = '', letter = ''] of text.matchAll(/([@%])([^])?|[^@%]+/g)) {
    const part = sign === '' ? ({ kind: 'text', text: piece } as const) : partOf(sign, letter);
    if (part === undefined) return { problem: `${quote(text)}: ${quote(piece)} ${meaningless(sign)}` };
    parts.push(part);
  }
  const fault = problemOfParts(parts);
  return fault === undefined ? { value: { text, parts } } : { problem: `${quote(text)}: ${fault}` };
}

function problemOfText(text: string): string | undefined {
  if (text.length > longest) return `a pattern has at most ${longest} characters`;
  return /[\s\p{C}/\\]/u.test(text)
    ? `${quote(text)}: a pattern is of file names, without white space, / and \\`
    : undefined;
}

function partOf(sign: string, letter: string): PatternPart | undefined {
  if (letter === sign) return { kind: 'text', text: sign };
  if (sign === '@') return letter in wildcards ? { kind: 'wildcard', letter: letter as WildcardLetter } : undefined;
  return specifierLetters.includes(letter) ? { kind: 'specifier', letter: letter as SpecifierLetter } : undefined;
}

function meaningless(sign: string): string {
  return sign === '@'
    ? `is no wildcard: there are ${Object.keys(wildcards)
        .map((letter) => `@${letter}`)
        .join(' ')}, and @@ for @ itself`
    : `is no specifier: there are ${specifierLetters.map((letter) => `%${letter}`).join(' ')}, and %% for % itself`;
}

function problemOfParts(parts: readonly PatternPart[]): string | undefined {
  const letters = parts.flatMap((part) => (part.kind === 'wildcard' ? [part.letter] : []));
  if (!letters.includes('v')) return 'there must be @v where the version stands';
  if (new Set(letters).size !== letters.length) return 'each wildcard can be there once';
  const touching = parts.some((part, index) => part.kind === 'wildcard' && parts[index + 1]?.kind === 'wildcard');
  return touching ? 'between two wildcards there must be something else' : undefined;
}

/** Whether a pattern fixes what the image is called: of `@v.raw` a signed list says nothing of that. */
export function namesExtension({ parts }: MatchPattern): boolean {
  const fixed = parts.map((part) => (part.kind === 'text' ? part.text : ' ')).join('');
  return /[A-Za-z0-9]/.test(fixed.replace(/(\.(raw|tar|img|zst|xz|gz|sysext))+$/, ''));
}

/** A file name of a pattern, tried for every architecture where the pattern has one. */
export function matchName(pattern: MatchPattern, name: string, host: PatternHost): MatchedName | undefined {
  const some = pattern.parts.some((part) => part.kind === 'specifier' && part.letter === 'a');
  if (!some) return matchWith(pattern, name, host, undefined);
  for (const architecture of architectures) {
    const matched = matchWith(pattern, name, host, architecture);
    if (matched !== undefined) return matched;
  }
  return undefined;
}

function matchWith(
  { parts }: MatchPattern,
  name: string,
  host: PatternHost,
  architecture: Architecture | undefined,
): MatchedName | undefined {
  const pieces = joined(
    parts.map((part) => (part.kind === 'specifier' ? specified(part.letter, host, architecture) : part)),
  );
  const found = pieces === undefined ? undefined : valuesIn(name, pieces);
  const version = found?.get('v');
  if (found === undefined || version === undefined) return undefined;
  const [size, sha256] = [found.get('s'), found.get('h')];
  return {
    version,
    ...(architecture === undefined ? {} : { architecture }),
    ...(size === undefined ? {} : { size: Number(size) }),
    ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
  };
}

type Piece = Exclude<PatternPart, { readonly kind: 'specifier' }>;

/** What a specifier stands for; undefined where this host does not say it: then nothing matches. */
function specified(
  letter: SpecifierLetter,
  { release, kernel }: PatternHost,
  architecture: Architecture | undefined,
): Piece | undefined {
  const text = letter === 'a' ? architecture : letter === 'v' ? kernel : release[releaseFields[letter]];
  return text === undefined || text === '' ? undefined : { kind: 'text', text };
}

/** Texts that follow each other as one: what is behind a wildcard is looked for as a whole. */
function joined(pieces: readonly (Piece | undefined)[]): readonly Piece[] | undefined {
  const all: Piece[] = [];
  for (const piece of pieces) {
    if (piece === undefined) return undefined;
    const last = all.at(-1);
    if (piece.kind === 'text' && last?.kind === 'text')
      all[all.length - 1] = { kind: 'text', text: last.text + piece.text };
    else all.push(piece);
  }
  return all;
}

/** What the wildcards stand for in a name. One reaches as far as the text behind it is found first, as in systemd-sysupdate. */
function valuesIn(name: string, pieces: readonly Piece[]): ReadonlyMap<WildcardLetter, string> | undefined {
  const values = new Map<WildcardLetter, string>();
  let rest = name;
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind === 'text') {
      if (!rest.startsWith(piece.text)) return undefined;
      rest = rest.slice(piece.text.length);
      continue;
    }
    const next = pieces[index + 1];
    const end = next?.kind === 'text' ? rest.indexOf(next.text) : rest.length;
    const value = rest.slice(0, Math.max(end, 0));
    if (!wildcards[piece.letter].test(value)) return undefined;
    values.set(piece.letter, value);
    rest = rest.slice(end);
  }
  return rest === '' ? values : undefined;
}

/**
 * The usual names of the images of an extension: those of Flatcar and Fedora, and those of UAPI.10, each with the
 * compressions that there are.
 */
export function usualPatterns(name: string): readonly MatchPattern[] {
  const escaped = name.replace(/[@%]/g, '$&$&');
  const stems = [`${escaped}-@v-%a`, `${escaped}_@v_%a`, `${escaped}-@v`, `${escaped}_@v`];
  const endings = ['.raw', '.raw.zst', '.raw.xz', '.raw.gz'];
  return stems.flatMap((stem) =>
    endings.flatMap((ending) => {
      const parsed = parseMatchPattern(stem + ending);
      return 'value' in parsed ? [parsed.value] : [];
    }),
  );
}
