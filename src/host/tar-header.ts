import type { AgentError } from '../core/errors.ts';
import type { ArchiveEntry } from '../core/tree.ts';

type EntryType = ArchiveEntry['kind'];

/** Headers that describe the entry after them: GNU's long names and the records of pax. */
type ExtensionType = 'long-name' | 'long-target' | 'pax' | 'pax-global';

interface HeaderOf<Type> {
  readonly name: string;
  readonly type: Type;
  readonly mode: number;
  /** Bytes of content that follow, before padding. */
  readonly size: number;
  readonly mtime: number;
  readonly target: string;
}

export type EntryHeader = HeaderOf<EntryType>;
export type ExtensionHeader = HeaderOf<ExtensionType>;

/** What one 512-byte header of a tar archive says; nothing of it was judged. */
export type TarHeader = EntryHeader | ExtensionHeader;

/** What the extension headers before an entry change in it. */
export interface Overrides {
  readonly name?: string;
  readonly target?: string;
  readonly size?: number;
  readonly mtime?: number;
}

/** Makes the error that names the archive and the place. */
export type Refuse = (why: string) => AgentError;

export const blockSize = 512;

const extensionTypes: ReadonlySet<TarHeader['type']> = new Set<ExtensionType>([
  'long-name',
  'long-target',
  'pax',
  'pax-global',
]);

export function isExtension(header: TarHeader): header is ExtensionHeader {
  return extensionTypes.has(header.type);
}

const typeOfFlag: Readonly<Record<string, TarHeader['type']>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  L: 'long-name',
  K: 'long-target',
  x: 'pax',
  g: 'pax-global',
};

/**
 * Reads a header block that is not all zeros: v7, ustar (POSIX 1003.1, pax "ustar Interchange Format") or GNU.
 * @throws what `refuse` makes, on a wrong checksum, a number that is none, or a type no package needs.
 */
export function parseTarHeader(block: Buffer, refuse: Refuse): TarHeader {
  const size = number(block, 124, 12, refuse);
  if (number(block, 148, 8, refuse) !== checksum(block)) throw refuse('the checksum of the header is wrong');
  const flag = block.toString('latin1', 156, 157);
  const type = typeOfFlag[flag];
  if (type === undefined)
    throw refuse(flag === 'S' ? 'a sparse file is not supported' : `the entry type ${codeOf(flag)} is not supported`);
  if (size < 0) throw refuse('the size of the entry is negative');
  const name = fullName(block);
  return {
    name,
    type: flag === '\0' && name.endsWith('/') ? 'directory' : type,
    mode: number(block, 100, 8, refuse) & 0o7777,
    size,
    mtime: number(block, 136, 12, refuse),
    target: string(block, 157, 100),
  };
}

/** A flag as a message may show it, whatever byte it is. */
function codeOf(flag: string): string {
  return `0x${flag.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** POSIX splits a long name in two; GNU, whose magic has a space there, keeps other things in the second field. */
function fullName(block: Buffer): string {
  const name = string(block, 0, 100);
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? string(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Text up to the first NUL. What is no UTF-8 comes out as U+FFFD, by which the judge of names knows it. */
function string(block: Buffer, start: number, length: number): string {
  const nul = block.indexOf(0, start);
  return block.toString('utf8', start, nul === -1 ? start + length : Math.min(nul, start + length));
}

/** A number in octal digits, or in GNU's base 256 where the first byte has its highest bit set. */
function number(block: Buffer, start: number, length: number, refuse: Refuse): number {
  const value = byte(block, start) & 0x80 ? base256(block, start, length) : octal(block, start, length);
  if (!Number.isSafeInteger(value)) throw refuse('a number in the header is malformed');
  return value;
}

function octal(block: Buffer, start: number, length: number): number {
  const end = start + length;
  let position = start;
  let value = 0;
  while (position < end && byte(block, position) === space) position++;
  for (; position < end && isOctalDigit(byte(block, position)); position++)
    value = value * 8 + byte(block, position) - 48;
  if (position < end && byte(block, position) !== space && byte(block, position) !== 0) return NaN;
  return value;
}

function base256(block: Buffer, start: number, length: number): number {
  const first = byte(block, start);
  if (first !== 0x80 && first !== 0xff) return NaN;
  let value = first === 0xff ? -1 : 0;
  for (let position = start + 1; position < start + length; position++) value = value * 256 + byte(block, position);
  return value;
}

/** The sum of all bytes, those of the checksum itself counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * space;
  for (let position = 0; position < 148; position++) sum += byte(block, position);
  for (let position = 156; position < blockSize; position++) sum += byte(block, position);
  return sum;
}

const space = 0x20;

function byte(block: Buffer, position: number): number {
  return block[position] ?? 0;
}

function isOctalDigit(value: number): boolean {
  return value >= 0x30 && value <= 0x37;
}

/**
 * Reads the records `<length> <keyword>=<value>\n` of a pax header (POSIX 1003.1, "pax Extended Header").
 * Keywords that change nothing for us, owners and extended attributes among them, are passed over.
 */
export function parsePaxRecords(bytes: Buffer, refuse: Refuse): Overrides {
  const overrides: { -readonly [K in keyof Overrides]: Overrides[K] } = {};
  for (let start = 0; start < bytes.length;) {
    const [keyword, value, end] = paxRecord(bytes, start, refuse);
    if (keyword.startsWith('GNU.sparse.')) throw refuse('a sparse file is not supported');
    if (keyword === 'path') overrides.name = value;
    if (keyword === 'linkpath') overrides.target = value;
    if (keyword === 'size') overrides.size = decimal(value, refuse);
    if (keyword === 'mtime') overrides.mtime = decimal(value, refuse);
    start = end;
  }
  return overrides;
}

function paxRecord(bytes: Buffer, start: number, refuse: Refuse): [keyword: string, value: string, end: number] {
  const gap = bytes.indexOf(space, start);
  const length = bytes.toString('latin1', start, gap);
  const end = start + Number(length);
  const equals = bytes.indexOf('=', gap);
  const whole = gap !== -1 && /^[1-9]\d{0,8}$/.test(length) && equals !== -1 && equals < end && end <= bytes.length;
  if (!whole || bytes[end - 1] !== 0x0a) throw refuse('a pax record is malformed');
  return [bytes.toString('utf8', gap + 1, equals), bytes.toString('utf8', equals + 1, end - 1), end];
}

/** Whole seconds or bytes: what follows the point is dropped. */
function decimal(value: string, refuse: Refuse): number {
  const number = /^-?\d+(\.\d*)?$/.test(value) ? Math.floor(Number(value)) : NaN;
  if (!Number.isSafeInteger(number)) throw refuse(`a pax record has a malformed number`);
  return number;
}
