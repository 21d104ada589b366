import { AgentError } from '../core/errors.ts';
import type { ArchiveEntry } from '../core/tree.ts';
import { openWindow, type Range, type Window } from './content.ts';
import {
  blockSize,
  isExtension,
  parsePaxRecords,
  parseTarHeader,
  type EntryHeader,
  type ExtensionHeader,
  type Overrides,
  type Refuse,
  type TarHeader,
} from './tar-header.ts';

/** More entries than any package has; beyond it an archive is made to exhaust us. */
const maxEntries = 500_000;

/** Longer than any name and all records of an entry that we have seen. */
const maxExtension = 64 * 1024;

/** Room for the headers of some small files at once, and for one extension header. */
const windowSize = maxExtension;

/**
 * Lists the entries of an uncompressed tar archive by its headers alone; what files hold stays where it is, as ranges
 * of the archive. Formats: v7, ustar, GNU (long names, base-256 numbers), pax (path, linkpath, size, mtime).
 * @throws AgentError `content-refused` on anything else: damage, truncation, sparse files, types no package needs.
 */
export function readTar(path: string): readonly ArchiveEntry[] {
  using window = openWindow(path, windowSize);
  const entries: ArchiveEntry[] = [];
  let overrides: Overrides = {};
  for (let offset = 0; ;) {
    const refuse = refuser(path, offset);
    const header = headerAt(window, offset, refuse);
    if (header === undefined) {
      if (Object.keys(overrides).length > 0) throw refuse('a long name is followed by no entry');
      return entries;
    }
    const size = isExtension(header) ? header.size : sizeOf(header, overrides, refuse);
    const content = offset + blockSize;
    if (content + size > window.size) throw refuse('the archive ends within the contents of an entry');
    if (isExtension(header)) {
      overrides = { ...overrides, ...readExtension(window, header, content, refuse) };
    } else {
      entries.push(entryOf(header, overrides, { path, offset: content, length: size }));
      overrides = {};
      if (entries.length > maxEntries) throw refuse(`there are more than ${maxEntries} entries`);
    }
    offset = content + Math.ceil(size / blockSize) * blockSize;
  }
}

function refuser(path: string, offset: number): Refuse {
  return (why) => new AgentError('content-refused', `${path} is not a usable tar archive: ${why} (at byte ${offset})`);
}

/** The header at `offset`, or undefined at the end mark: two blocks of zeros, or one at the end of the file. */
function headerAt(window: Window, offset: number, refuse: Refuse): TarHeader | undefined {
  const block = blockAt(window, offset);
  if (block === undefined) throw refuse('the archive is truncated');
  if (!isZero(block)) return parseTarHeader(block, refuse);
  const next = blockAt(window, offset + blockSize);
  if (next !== undefined && !isZero(next)) throw refuse('there is a block of zeros between entries');
  return undefined;
}

function blockAt(window: Window, offset: number): Buffer | undefined {
  return offset + blockSize > window.size ? undefined : window.read(offset, blockSize);
}

const zeros = Buffer.alloc(blockSize);

function isZero(block: Buffer): boolean {
  return block[0] === 0 && block.equals(zeros);
}

function sizeOf(header: EntryHeader, overrides: Overrides, refuse: Refuse): number {
  const size = overrides.size ?? header.size;
  if (size < 0 || (header.type !== 'file' && size !== 0)) throw refuse('the size of the entry makes no sense');
  return size;
}

function readExtension(window: Window, header: ExtensionHeader, offset: number, refuse: Refuse): Overrides {
  if (header.size > maxExtension) throw refuse(`an extended header is larger than ${maxExtension} bytes`);
  const bytes = window.read(offset, header.size);
  if (header.type === 'long-name') return { name: untilNul(bytes) };
  if (header.type === 'long-target') return { target: untilNul(bytes) };
  const overrides = parsePaxRecords(bytes, refuse);
  if (header.type === 'pax') return overrides;
  if (Object.keys(overrides).length > 0) throw refuse('a global pax header names or sizes entries');
  return {};
}

function untilNul(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return bytes.toString('utf8', 0, nul === -1 ? bytes.length : nul);
}

function entryOf(header: EntryHeader, overrides: Overrides, range: Range): ArchiveEntry {
  const { type: kind, mode } = header;
  const name = overrides.name ?? header.name;
  const mtime = overrides.mtime ?? header.mtime;
  const isLink = kind === 'symlink' || kind === 'hardlink';
  return {
    name,
    kind,
    mode,
    mtime,
    ...(kind === 'file' ? { content: { kind: 'range', ...range } } : {}),
    ...(isLink ? { target: overrides.target ?? header.target } : {}),
  };
}
