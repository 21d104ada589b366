import type { SymlinkNode } from '../../core/tree.ts';
import type { SoundEntry } from './judge.ts';
import { followed, parentOf, relativeTo, splitTop } from './paths.ts';

/** An entry at its place in the image. */
export interface Placed {
  readonly node: SoundEntry;
  /** Its path in the package. */
  readonly from: string;
}

/** What becomes of the entries of one package. */
export interface Relocation {
  readonly placed: readonly Placed[];
  /** Paths in the package of what no extension can hold. */
  readonly dropped: readonly string[];
  readonly refusals: readonly string[];
}

/** Directories at the top whose contents move into /usr, as on a host with merged /usr (file-hierarchy(7)). */
const merged: ReadonlySet<string> = new Set(['bin', 'sbin', 'lib', 'lib64']);

/** Directories at the top that an extension may fill: systemd-sysext merges /usr and /opt, and tmpfiles.d brings /etc. */
const taken: ReadonlySet<string> = new Set(['usr', 'etc', 'opt', ...merged]);

/** Where /etc/** of the packages is kept in the image of the extension `name`. */
export function etcDirectory(name: string): string {
  return `usr/share/${name}/etc`;
}

/** Gives every entry its place in the image of the extension `name`; links keep the targets they have. */
export function relocate(entries: readonly SoundEntry[], name: string): Relocation {
  const placed: Placed[] = [];
  const dropped: string[] = [];
  const refusals: string[] = [];
  for (const entry of entries) {
    const [top, rest] = splitTop(entry.path);
    if (!taken.has(top) || isSystemdConfiguration(entry.path)) dropped.push(entry.path);
    else if (rest !== '') placed.push({ node: { ...entry, path: placeOf(entry.path, name) }, from: entry.path });
    else if (entry.kind !== 'directory' && !isMergedUsrLink(entry)) refusals.push(`"${top}" is not a directory`);
  }
  return { placed, dropped, refusals };
}

/** Settings of the host's own manager are not for an extension to bring. */
function isSystemdConfiguration(path: string): boolean {
  return path === 'etc/systemd' || path.startsWith('etc/systemd/');
}

/** The link that a base package has in place of such a directory: the host has its own. */
function isMergedUsrLink(entry: SoundEntry): boolean {
  return entry.kind === 'symlink' && merged.has(entry.path) && /^\/?usr\/(bin|sbin|lib|lib64)\/?$/.test(entry.target);
}

function placeOf(path: string, name: string): string {
  const [top, rest] = splitTop(path);
  return top === 'etc' ? `${etcDirectory(name)}/${rest}` : mergedPlace(path);
}

/** Where a host with merged /usr has `path`. */
function mergedPlace(path: string): string {
  return merged.has(splitTop(path)[0]) ? `usr/${path}` : path;
}

/**
 * The text that makes a moved link lead to what it led to in its package. It stays as it is where it still does.
 * A link below /etc counts as being there: that is where tmpfiles.d copies it.
 * @param has whether the image has a path
 */
export function correctedTarget(link: SymlinkNode, from: string, has: (path: string) => boolean): string {
  const { target } = link;
  const used = splitTop(from)[0] === 'etc' ? from : link.path;
  const meant = followed(parentOf(from), target);
  const place = mergedPlace(meant);
  const isRelative = !target.startsWith('/');
  const wanted = has(place) || (isRelative && used !== from) ? place : meant;
  if (followed(parentOf(used), target) === wanted) return target;
  return isRelative ? relativeTo(parentOf(used), wanted) : `/${wanted}`;
}
