/**
 * Paths inside a tree, as text: relative to its root, without `.`, `..` and needless slashes; '' is the root itself.
 */

/** The directory that holds `path`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

/** The first part of a path, and the rest: '' where there is none. */
export function splitTop(path: string): [top: string, rest: string] {
  const slash = path.indexOf('/');
  return slash === -1 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
}

/**
 * Where `target`, the text of a symbolic link in `directory`, leads. It is read as text: other links on its way are
 * not followed. Like the kernel's, it never leads above the root.
 */
export function followed(directory: string, target: string): string {
  const parts: string[] = target.startsWith('/') || directory === '' ? [] : directory.split('/');
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The text of a relative link in `directory` that leads to `path`. */
export function relativeTo(directory: string, path: string): string {
  const from = directory === '' ? [] : directory.split('/');
  const to = path === '' ? [] : path.split('/');
  const differs = from.findIndex((part, index) => part !== to[index]);
  const common = differs === -1 ? from.length : differs;
  const parts = [...from.slice(common).map(() => '..'), ...to.slice(common)];
  return parts.length === 0 ? '.' : parts.join('/');
}

/** The order of the bytes of two texts in UTF-8, which is that of their code points. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts the surrogates, which stand for the highest code points, before U+E000. */
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** A name from a package as a message may show it: nothing in it can move a terminal's cursor or look like our text. */
export function shown(name: string): string {
  return `"${harmless(name.replace(/["\\\n]/g, (character) => JSON.stringify(character).slice(1, -1)))}"`;
}

/** Some paths of a list, as a message names them: absolute, and never so many that nobody reads on. */
export function listed(paths: readonly string[], most = 10): string {
  const some = paths.slice(0, most).map((path) => `/${harmless(path)}`);
  const more = paths.length - some.length;
  return [...some, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}

/** Writes control and format characters as their numbers: those that turn the direction of text are among them. */
function harmless(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
