import type { Refuse } from '../../../host/tar-header.ts';

/** A header of an rpm file: values by tag (rpm's doc/manual/format_header.md, "Header Structure"). */
export interface RpmHeader {
  /** Its bytes, from its magic on: what the signature covers. */
  readonly bytes: Buffer;
  /** The first value of a text tag. */
  text(tag: number): string | undefined;
  texts(tag: number): readonly string[];
  numbers(tag: number): readonly number[];
  binary(tag: number): Buffer | undefined;
}

/** Bytes before the entries of a header: magic, version, reserved, how many entries, how large the store is. */
export const introSize = 16;
const entrySize = 16;
const magic = 0x8eade801;

/** rpm's own limits (lib/header_internal.hh: hdrchkTags, hdrchkData). */
const mostEntries = 0xffff;
const largestStore = 256 * 1024 ** 2;

const textTypes: ReadonlySet<number> = new Set([6, 8, 9]);
const sizeOfType: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1 };
const binaryType = 7;

interface Entry {
  readonly type: number;
  readonly offset: number;
  readonly count: number;
}

/**
 * The size of a header by its first bytes.
 * @throws what `refuse` makes, where it begins no header, or one larger than rpm allows.
 */
export function headerSize(intro: Buffer, refuse: Refuse): number {
  if (intro.readUInt32BE(0) !== magic) throw refuse('a header does not begin as it must');
  const [entries, store] = [intro.readUInt32BE(8), intro.readUInt32BE(12)];
  if (entries === 0 || entries > mostEntries || store > largestStore)
    throw refuse('the size of a header makes no sense');
  return introSize + entries * entrySize + store;
}

/**
 * Reads a header. Values are checked to lie inside of it when they are asked for.
 * @param bytes as many as `headerSize` says.
 */
export function parseHeader(bytes: Buffer, refuse: Refuse): RpmHeader {
  const count = bytes.readUInt32BE(8);
  const store = bytes.subarray(introSize + count * entrySize);
  const entries = new Map<number, Entry>();
  for (let index = 0; index < count; index++) {
    const at = introSize + index * entrySize;
    const [tag, type, offset, items] = [0, 4, 8, 12].map((field) => bytes.readUInt32BE(at + field));
    entries.set(tag ?? 0, { type: type ?? 0, offset: offset ?? 0, count: items ?? 0 });
  }
  const texts = (tag: number) => textsOf(entries.get(tag), store, refuse);
  return {
    bytes,
    texts,
    text: (tag) => texts(tag)[0],
    numbers: (tag) => numbersOf(entries.get(tag), store, refuse),
    binary: (tag) => {
      const entry = entries.get(tag);
      return entry?.type === binaryType ? part(store, entry.offset, entry.count, refuse) : undefined;
    },
  };
}

function part(store: Buffer, offset: number, length: number, refuse: Refuse): Buffer {
  if (offset + length > store.length) throw refuse('a value lies outside of its header');
  return store.subarray(offset, offset + length);
}

function textsOf(entry: Entry | undefined, store: Buffer, refuse: Refuse): readonly string[] {
  if (entry === undefined || !textTypes.has(entry.type)) return [];
  const texts: string[] = [];
  for (let at = entry.offset; texts.length < entry.count;) {
    const end = at < store.length ? store.indexOf(0, at) : -1;
    if (end === -1) throw refuse('a text lies outside of its header');
    texts.push(store.toString('utf8', at, end));
    at = end + 1;
  }
  return texts;
}

function numbersOf(entry: Entry | undefined, store: Buffer, refuse: Refuse): readonly number[] {
  const size = entry === undefined ? undefined : sizeOfType[entry.type];
  if (entry === undefined || size === undefined || entry.type === binaryType) return [];
  const bytes = part(store, entry.offset, entry.count * size, refuse);
  return Array.from({ length: entry.count }, (_, index) => numberAt(bytes, index * size, size));
}

function numberAt(bytes: Buffer, at: number, size: number): number {
  return size === 8 ? Number(bytes.readBigUInt64BE(at)) : bytes.readUIntBE(at, size);
}
