import { checked, string, type Decoder } from './yaml/decoder.ts';
import { quote } from './yaml/text.ts';

/**
 * Whether a place lies in what a pattern names: the place itself, or what is below it. `*` stands for any characters but `/`.
 * @param place of a publisher: `oci://HOST/NAME`, `https://HOST/DIRECTORY`, `/DIRECTORY`.
 */
export function isWithin(place: string, pattern: string): boolean {
  const [parts, patterns] = [partsOf(place), partsOf(pattern)];
  return patterns.length <= parts.length && patterns.every((glob, index) => matchesGlob(parts[index] ?? '', glob));
}

/** How narrow a pattern is, by the characters that it fixes: of two that match, the narrower one is meant. */
export function narrowness(pattern: string): number {
  const open = pattern.includes('*');
  return 2 * partsOf(pattern).join('/').replaceAll('*', '').length + (open ? 0 : 1);
}

/** Whether a name is one that a glob means, where `*` stands for any characters but `/`. */
export function matchesGlob(name: string, glob: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  if (rest.length === 0) return name === first;
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let left = name.slice(first.length, name.length - last.length);
  for (const piece of rest) {
    const at = left.indexOf(piece);
    if (at === -1) return false;
    left = left.slice(at + piece.length);
  }
  return !name.includes('/');
}

/** Hosts have no upper case, and a slash at the end says nothing. */
function partsOf(place: string): readonly string[] {
  const [, origin = '', path = place] = /^([a-z]+:\/\/[^/]*)(.*)$/s.exec(place) ?? [];
  return (origin.toLowerCase() + path.replace(/\/+$/, '')).split('/');
}

function problemOfPlace(text: string): string | undefined {
  if (/[\s\p{C}]/u.test(text)) return `${quote(text)}: no white space is allowed in a place`;
  if (!/^(?:(?:oci|https?):\/\/[^/]|\/)/.test(text)) return `${quote(text)}: a place begins with oci://, https:// or /`;
  if (/[?#@]/.test(text)) return `${quote(text)}: a place has no ?, # or @`;
  if (text.split('/').some((part) => part === '..' || part === '.')) return `${quote(text)}: no . or .. in a place`;
  return undefined;
}

/** A place, or a pattern of places: `oci://HOST/NAME`, `https://HOST/DIRECTORY`, `/DIRECTORY`, with `*` in them. */
export const placePattern: Decoder<string> = checked(string, problemOfPlace);
