import { AgentError } from '../core/errors.ts';
import type { ArchiveEntry } from '../core/tree.ts';
import { openWindow, type Range, type Window } from './content.ts';
import type { Refuse } from './tar-header.ts';

/** One file as the header of an rpm package lists it; an archive of large files names it by its place in that list. */
export interface ListedEntry {
  readonly name: string;
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly mtime: number;
  readonly size: number;
  readonly inode: string;
  readonly target: string;
}

/** One member of an archive, and where its bytes are. */
interface Member extends Omit<ListedEntry, 'target' | 'size'> {
  readonly links: number;
  readonly range: Range;
}

/** More entries than any package has; beyond it an archive is made to exhaust us. */
const maxEntries = 500_000;
const longestName = 4096;
const headerSize = 110;
const strippedSize = 14;
const trailer = 'TRAILER!!!';

const kindOfType: Readonly<Record<number, ArchiveEntry['kind']>> = {
  0o010000: 'fifo',
  0o020000: 'character-device',
  0o040000: 'directory',
  0o060000: 'block-device',
  0o100000: 'file',
  0o120000: 'symlink',
};

/**
 * Lists the entries of an uncompressed cpio archive by its headers; what files hold stays where it is, as ranges of the
 * archive. Formats: `newc` with and without checksums, and rpm's form for large files (magic 07070X), whose entries are
 * numbers of files in the package's header.
 *
 * Of several names of one file only the last has its bytes in the archive; the others come as hard links, at the end.
 * @param listed the files of the header, in its order.
 * @throws AgentError `content-refused` on anything else: damage, truncation, entries that make no sense.
 */
export function readCpio(path: string, listed: readonly ListedEntry[] = []): readonly ArchiveEntry[] {
  using window = openWindow(path, 64 * 1024);
  const members: Member[] = [];
  const names = namesOf(listed);
  for (let offset = 0; ;) {
    const refuse: Refuse = (why) =>
      new AgentError('content-refused', `${path} is not a usable cpio archive: ${why} (at byte ${offset})`);
    const member = memberAt(window, path, offset, names, refuse);
    if (member === undefined) return entriesOf(members, window, refuse);
    members.push(member);
    if (members.length > maxEntries) throw refuse(`there are more than ${maxEntries} entries`);
    offset = padded(member.range.offset + member.range.length);
  }
}

/** A listed file that knows how many names it has, and whether this is the last of them. */
interface NamedEntry extends ListedEntry {
  readonly links: number;
  readonly isLast: boolean;
}

function namesOf(listed: readonly ListedEntry[]): readonly NamedEntry[] {
  const groups = Map.groupBy(listed, ({ inode }) => inode);
  return listed.map((file) => {
    const group = groups.get(file.inode) ?? [];
    return { ...file, links: group.length, isLast: group.at(-1) === file };
  });
}

function padded(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}

/** The member whose header begins at `offset`; undefined for the one that ends the archive. */
function memberAt(
  window: Window,
  path: string,
  offset: number,
  listed: readonly NamedEntry[],
  refuse: Refuse,
): Member | undefined {
  const magic = textAt(window, offset, 6, refuse);
  const stripped = magic === '07070X';
  if (!stripped && magic !== '070701' && magic !== '070702') throw refuse('an entry does not begin as it must');
  const member = stripped
    ? strippedMember(window, path, offset, listed, refuse)
    : plainMember(window, path, offset, refuse);
  if (member !== undefined && member.range.offset + member.range.length > window.size)
    throw refuse('the archive ends within the contents of an entry');
  return member;
}

function strippedMember(
  window: Window,
  path: string,
  offset: number,
  listed: readonly NamedEntry[],
  refuse: Refuse,
): Member {
  const [index = 0] = numbersAt(window, offset + 6, 1, refuse);
  const file = listed[index];
  if (file === undefined) throw refuse('an entry is none of the files of the package');
  const kind = kindOf(file.mode, refuse);
  const hasContent = kind === 'symlink' || (kind === 'file' && file.isLast);
  return { ...file, range: { path, offset: padded(offset + strippedSize), length: hasContent ? file.size : 0 } };
}

/** The fields of a `newc` header after its magic: eight hexadecimal digits each (cpio(5), "New ASCII Format"). */
function plainMember(window: Window, path: string, offset: number, refuse: Refuse): Member | undefined {
  const [inode = 0, mode = 0, , , links = 0, mtime = 0, size = 0, major = 0, minor = 0, , , nameSize = 0] = numbersAt(
    window,
    offset + 6,
    13,
    refuse,
  );
  if (nameSize < 1 || nameSize > longestName) throw refuse('the length of a name makes no sense');
  const name = textAt(window, offset + headerSize, nameSize - 1, refuse);
  if (name === trailer) return undefined;
  const range = { path, offset: padded(offset + headerSize + nameSize), length: size };
  return { name, mode, mtime, links, inode: `${major}:${minor}:${inode}`, range };
}

function textAt(window: Window, offset: number, length: number, refuse: Refuse): string {
  if (offset + length > window.size) throw refuse('the archive is truncated');
  return window.read(offset, length).toString('utf8');
}

function numbersAt(window: Window, offset: number, count: number, refuse: Refuse): readonly number[] {
  const text = textAt(window, offset, count * 8, refuse);
  if (!/^[0-9a-fA-F]*$/.test(text) || text.length !== count * 8) throw refuse('a number in a header is malformed');
  return Array.from({ length: count }, (_, index) => parseInt(text.slice(index * 8, index * 8 + 8), 16));
}

function kindOf(mode: number, refuse: Refuse): ArchiveEntry['kind'] {
  const kind = kindOfType[mode & 0o170000];
  if (kind === undefined) throw refuse(`an entry has the mode 0${mode.toString(8)}, which no package needs`);
  return kind;
}

function entriesOf(members: readonly Member[], window: Window, refuse: Refuse): readonly ArchiveEntry[] {
  const originals = originalsOf(members);
  const isLink = (member: Member) => (originals.get(member.inode) ?? member) !== member && member.range.length === 0;
  const links = members.filter(isLink);
  return [
    ...members.filter((member) => !isLink(member)).map((member) => entryOf(member, window, refuse)),
    ...links.map((member) => linkOf(member, originals.get(member.inode)?.name ?? '')),
  ];
}

/** The member that has the bytes of each file with several names: the last one, and where all are empty the last name. */
function originalsOf(members: readonly Member[]): ReadonlyMap<string, Member> {
  const originals = new Map<string, Member>();
  for (const member of members) {
    if (member.links < 2 || kindOfType[member.mode & 0o170000] !== 'file') continue;
    const before = originals.get(member.inode);
    if (before === undefined || member.range.length > 0 || before.range.length === 0)
      originals.set(member.inode, member);
  }
  return originals;
}

function linkOf({ name, mode, mtime }: Member, target: string): ArchiveEntry {
  return { name, kind: 'hardlink', mode: mode & 0o7777, mtime, target };
}

function entryOf({ name, mode, mtime, range }: Member, window: Window, refuse: Refuse): ArchiveEntry {
  const kind = kindOf(mode, refuse);
  const entry = { name, kind, mode: mode & 0o7777, mtime };
  if (kind === 'file') return { ...entry, content: { kind: 'range', ...range } };
  if (kind !== 'symlink') return entry;
  if (range.length > longestName) throw refuse('the target of a symbolic link is too long');
  return { ...entry, target: textAt(window, range.offset, range.length, refuse) };
}
