import type { ArchiveEntry, DirectoryNode, FileNode, SymlinkNode } from '../../core/tree.ts';
import { shown } from './paths.ts';

/** An entry that may become part of an image. Hard links are files with the very same content value. */
export type SoundEntry = FileNode | DirectoryNode | SymlinkNode;

/** What one package is found to hold. */
export interface Judgement {
  readonly entries: readonly SoundEntry[];
  /** One sentence for every entry that must not be in an image: its name and why. */
  readonly refusals: readonly string[];
}

const longestPart = 255;
/** Far below PATH_MAX (4096), so that the path stays valid below any directory it is written to. */
const longestPath = 1024;
const longestTarget = 4095;
/** What 32 bits without a sign can say, as the times of squashfs do: until the year 2106. */
export const latestTime = 0xffff_ffff;

/** Judges every entry of a package by itself, and its hard links by the files they lead to. */
export function judge(entries: readonly ArchiveEntry[]): Judgement {
  const refusals: string[] = [];
  const sound: SoundEntry[] = [];
  const links: ArchiveEntry[] = [];
  for (const entry of entries) {
    const problem = problemOf(entry);
    if (problem !== undefined) refusals.push(`${shown(entry.name)} ${problem}`);
    else if (entry.kind === 'hardlink') links.push(entry);
    else if (normalized(entry.name) !== '') sound.push(soundEntry(entry));
  }
  const originalOf = fileFinder(sound, links);
  for (const link of links) {
    const original = originalOf(targetOf(link));
    if (original !== undefined) sound.push({ ...original, path: normalized(link.name) });
    else
      refusals.push(`${shown(link.name)} is a hard link to ${shown(targetOf(link))}, which is no file of the package`);
  }
  return { entries: sound, refusals };
}

/** More links to links than any archive has in a row. */
const mostHops = 8;

/** Finds the file that a hard link's target names, by way of other hard links where need be. */
function fileFinder(
  sound: readonly SoundEntry[],
  links: readonly ArchiveEntry[],
): (target: string) => FileNode | undefined {
  if (links.length === 0) return () => undefined;
  const files = new Map(sound.filter((entry) => entry.kind === 'file').map((file) => [file.path, file]));
  const targets = new Map(links.map((link) => [normalized(link.name), normalized(targetOf(link))]));
  return (target) => {
    let path: string | undefined = normalized(target);
    for (let hop = 0; hop < mostHops && path !== undefined; hop++) {
      const file = files.get(path);
      if (file !== undefined) return file;
      path = targets.get(path);
    }
    return undefined;
  };
}

/** Why an entry cannot be in an image, to be said after its name. */
function problemOf(entry: ArchiveEntry): string | undefined {
  const problem = problemOfName(entry.name);
  if (problem !== undefined) return problem;
  if (forbidden[entry.kind] !== undefined) return forbidden[entry.kind];
  if (entry.kind === 'symlink') return problemOfTarget(targetOf(entry));
  if (entry.kind === 'hardlink' && problemOfName(targetOf(entry)) !== undefined) {
    return `is a hard link to ${shown(targetOf(entry))}, which leads out of the package`;
  }
  if (normalized(entry.name) === '' && entry.kind !== 'directory') return 'stands where the root directory belongs';
  return entry.kind === 'file' && entry.content === undefined ? 'is a file without contents' : undefined;
}

const forbidden: Partial<Record<ArchiveEntry['kind'], string>> = {
  'block-device': 'is a block device',
  'character-device': 'is a character device',
  fifo: 'is a fifo',
};

/** Names are decoded as UTF-8 by the readers of archives, which write U+FFFD for what is none. */
const notUtf8 = '\ufffd';

/** Why a name cannot be that of a file in an image, or undefined. */
function problemOfName(name: string): string | undefined {
  if (name === '') return 'has no name';
  if (name.includes(notUtf8)) return 'has a name that is not UTF-8';
  if (/\p{Cc}/u.test(name)) return 'has a control character in its name';
  if (name.startsWith('/')) return 'has an absolute name';
  if (hasUpward(name)) return 'leads upwards by ".." in its name';
  return isTooLong(name) ? `has a name that is too long` : undefined;
}

function hasUpward(name: string): boolean {
  return name.includes('..') && /(^|\/)\.\.(\/|$)/.test(name);
}

function isTooLong(name: string): boolean {
  // No character of a JavaScript string takes more than three bytes of UTF-8.
  if (name.length * 3 <= longestPart) return false;
  if (Buffer.byteLength(name) > longestPath) return true;
  return name.split('/').some((part) => Buffer.byteLength(part) > longestPart);
}

function problemOfTarget(target: string): string | undefined {
  if (target === '') return 'is a symbolic link to nowhere';
  if (target.includes(notUtf8)) return 'is a symbolic link to a name that is not UTF-8';
  if (/\p{Cc}/u.test(target)) return 'is a symbolic link with a control character in its target';
  return Buffer.byteLength(target) > longestTarget ? 'is a symbolic link with a target that is too long' : undefined;
}

/** Called for what problemOf() found nothing wrong with. */
function soundEntry(entry: ArchiveEntry): SoundEntry {
  const path = normalized(entry.name);
  const mtime = Math.min(Math.max(entry.mtime, 0), latestTime);
  if (entry.kind === 'symlink') return { kind: 'symlink', path, mtime, target: targetOf(entry) };
  const mode = entry.mode & 0o7777;
  return entry.content === undefined
    ? { kind: 'directory', path, mode, mtime }
    : { kind: 'file', path, mode, mtime, content: entry.content };
}

function targetOf(link: ArchiveEntry): string {
  return link.target ?? '';
}

/** The path that a sound name stands for; '' for the root directory. Archives mostly write `./usr/bin/` for `usr/bin`. */
function normalized(name: string): string {
  const path = name.slice(name.startsWith('./') ? 2 : 0, name.endsWith('/') ? -1 : undefined);
  return /^\.?$|^\.?\/|\/\.?\/|\/\.?$/.test(path) ? withoutEmptyParts(path) : path;
}

function withoutEmptyParts(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
