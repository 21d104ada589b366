import type { HostEntry, ImageContents, Surroundings } from '../../../../src/core/contents/contents.ts';
import { noSurroundings } from '../../../../src/core/contents/contents.ts';
import type { ImageEntry } from '../../../../src/core/image-entry.ts';

/** An entry of root's with an ordinary mode; `path/` is a directory, `path -> target` a link. */
export function entry(text: string, more: Partial<ImageEntry> = {}): ImageEntry {
  const [path = '', target] = text.split(' -> ');
  const kind = target !== undefined ? 'symlink' : path.endsWith('/') ? 'directory' : 'file';
  const mode = { symlink: 0o777, directory: 0o755, file: 0o644 }[kind];
  const plain = { path: path.replace(/\/$/, ''), kind, mode, uid: 0, gid: 0, size: 0, mtime: 0 } as const;
  return { ...plain, ...(target === undefined ? {} : { target }), ...more };
}

/** The image of an extension `tool` with these entries. */
export function image(...entries: readonly (string | ImageEntry)[]): ImageContents {
  const all = entries.map((one) => (typeof one === 'string' ? entry(one) : one));
  return { name: 'tool', releaseNames: ['tool'], entries: all };
}

/** A host that has these entries, written as for entry(). */
export function host(...entries: readonly string[]): Surroundings {
  const all = new Map(
    entries.map((text): [string, HostEntry] => {
      const { path, kind, target } = entry(text);
      return [path, target === undefined ? { kind } : { kind, target }];
    }),
  );
  return { ...noSurroundings, hostEntry: (path) => all.get(path) };
}
