import type { ImageEntry } from '../image-entry.ts';

/** One entry of /etc that systemd-tmpfiles(8) makes after an image that brings it. */
export interface EtcCopy {
  /** As an absolute path. */
  readonly to: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** The file of the image that it is a copy of, as a path in there. */
  readonly from?: string;
  /** Of the content of that file, where it is known. */
  readonly sha256?: string;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** A line of tmpfiles.d(5) that puts something into /etc. */
interface Line {
  readonly type: 'C' | 'L';
  readonly to: string;
  readonly from: string;
}

/**
 * What the lines `C` and `L` of tmpfiles.d(5) make in /etc of what an image brings, the outermost first.
 * @param texts of the files in tmpfiles.d.
 */
export function etcCopies(texts: readonly string[], entries: readonly ImageEntry[]): EtcCopy[] {
  const lines = texts.flatMap((text) => text.split('\n').flatMap(lineOf));
  const copies = lines.flatMap((line) => (line.type === 'L' ? [linkOf(line)] : copiesOf(line, entries)));
  return [...new Map(copies.map((copy) => [copy.to, copy])).values()].sort((a, b) => (a.to < b.to ? -1 : 1));
}

/** Lines with specifiers, quotes or arguments in another coding are passed over: what they make stays. */
function lineOf(text: string): Line[] {
  const [, type, to = '', from = ''] = /^([CL])[!+=?-]*\s+(\/etc\/\S+)(?:\s+\S+){4}\s+(\S.*?)\s*$/.exec(text) ?? [];
  if ((type !== 'C' && type !== 'L') || /[%"'\\]/.test(text) || !isPlain(to)) return [];
  return [{ type, to: to.replace(/\/+$/, ''), from }];
}

/** Whether no part of a path leads anywhere but down. */
function isPlain(path: string): boolean {
  return path.split('/').every((part) => part !== '..' && part !== '.');
}

function linkOf({ to, from }: Line): EtcCopy {
  return { to, kind: 'symlink', target: from };
}

function copiesOf({ to, from }: Line, entries: readonly ImageEntry[]): EtcCopy[] {
  const source = from.replace(/^\/+|\/+$/g, '');
  return entries.flatMap(({ path, kind, target }): EtcCopy[] => {
    if (path !== source && !path.startsWith(`${source}/`)) return [];
    const place = `${to}${path.slice(source.length)}`;
    if (kind === 'directory') return [{ to: place, kind }];
    if (kind === 'symlink') return [{ to: place, kind, target: target ?? '' }];
    return kind === 'file' ? [{ to: place, kind, from: path }] : [];
  });
}
