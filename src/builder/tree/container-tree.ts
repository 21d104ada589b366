import { AgentError } from '../../core/errors.ts';
import { followLinks } from '../../core/links.ts';
import type { ArchiveEntry } from '../../core/tree.ts';
import type { SoundEntry } from './judge.ts';
import { parentOf, shown } from './paths.ts';

/** The files of a container image, as its layers put them over each other. */
export interface ContainerTree {
  /** Puts the entries of a layer over what is there (image-spec, "Image Layer Filesystem Changeset"). */
  apply(entries: readonly ArchiveEntry[]): void;
  readonly entries: ReadonlyMap<string, SoundEntry>;
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * Nothing of it is written anywhere; links that lead out of the tree begin again at its top, as in a container.
 * @param timeOf the time of an entry; where nothing is said none has one, so that the same files are the same.
 */
export function createContainerTree(timeOf: (entry: ArchiveEntry) => number = () => 0): ContainerTree {
  const entries = new Map<string, SoundEntry>();
  /** Where a name leads, its last part not followed. */
  const placeOf = (name: string): string => {
    const path = soundName(name);
    return joined(resolvedIn(entries, parentOf(path)), baseOf(path));
  };
  const findFile = (target: string) => entries.get(placeOf(target));
  const put = (entry: ArchiveEntry) => {
    const path = placeOf(entry.name);
    const node = path === '' ? undefined : nodeOf(entry, path, timeOf(entry), findFile);
    if (node !== undefined) entries.set(path, node);
  };
  return {
    entries,
    apply: (layer) => {
      hide(
        entries,
        layer.flatMap(({ name }) => (isWhiteout(name) ? [placeOf(name)] : [])),
      );
      for (const entry of layer) if (!isWhiteout(entry.name)) put(entry);
      removeObstructed(entries);
    },
  };
}

function joined(parent: string, base: string): string {
  return parent === '' ? base : `${parent}/${base}`;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Takes away what whiteouts stand for: one path with all below it, or all that is in a directory. */
function hide(entries: Map<string, SoundEntry>, whiteouts: readonly string[]): void {
  if (whiteouts.length === 0) return;
  const [emptied, removed] = [new Set<string>(), new Set<string>()];
  for (const path of whiteouts) {
    const parent = parentOf(path);
    if (baseOf(path) === opaque) emptied.add(parent);
    else removed.add(joined(parent, baseOf(path).slice(whiteout.length)));
  }
  for (const path of entries.keys()) {
    if (removed.has(path) || above(path).some((place) => removed.has(place) || emptied.has(place)))
      entries.delete(path);
  }
}

/** Takes away what lay in a directory that is none any more. */
function removeObstructed(entries: Map<string, SoundEntry>): void {
  const isNone = (place: string) => (entries.get(place)?.kind ?? 'directory') !== 'directory';
  for (const path of entries.keys()) if (above(path).some(isNone)) entries.delete(path);
}

/** All directories above a path, the top as ''. */
function above(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/'));
}

function isWhiteout(name: string): boolean {
  return baseOf(name).startsWith(whiteout);
}

/** @throws AgentError `content-refused` for a name that leads out. */
function soundName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (!parts.includes('..') && !name.includes('\0')) return parts.join('/');
  throw new AgentError('content-refused', `a layer of the image has ${shown(name)}, which leads upwards`, {
    left: 'Nothing was built.',
  });
}

/** Devices and the like are left out: nobody could read them in a build. */
function nodeOf(
  entry: ArchiveEntry,
  path: string,
  mtime: number,
  find: (target: string) => SoundEntry | undefined,
): SoundEntry | undefined {
  const { kind, content, target = '' } = entry;
  const mode = entry.mode & 0o7777;
  const common = { path, mtime };
  if (kind === 'directory') return { ...common, kind, mode };
  if (kind === 'symlink') return target === '' ? undefined : { ...common, kind, target };
  if (kind === 'hardlink') {
    const original = find(target);
    return original?.kind === 'file' ? { ...original, path } : undefined;
  }
  return kind === 'file' && content !== undefined ? { ...common, kind, mode, content } : undefined;
}

/** Where a path leads with all links on its way followed. */
export function resolvedIn(entries: ReadonlyMap<string, SoundEntry>, path: string): string {
  const found = followLinks(path, (inside) => {
    const entry = entries.get(inside.replace(/^\/+/, ''));
    return entry?.kind === 'symlink' ? entry.target : undefined;
  });
  if (found !== undefined) return found.replace(/^\/+/, '');
  throw new AgentError('content-refused', `too many symbolic links on the way to ${shown(path)}`, {
    left: 'Nothing was built.',
  });
}
