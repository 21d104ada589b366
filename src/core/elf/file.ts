/** Bytes of a file, read where they are wanted. */
export interface FileBytes {
  readonly size: number;
  /** Bytes that lie wholly inside: a view that is good until the next call. */
  read(offset: number, length: number): Uint8Array;
}

/** Structures of an ELF file contradict each other, or are larger than any that a loader takes. */
export class Contradiction extends Error {}

/** Program headers that matter to a loader (elf(5)). */
export const segmentTypes = { load: 1, dynamic: 2, interpreter: 3 } as const;

/** A program header. */
export interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
}

/** An ELF file as a loader sees it: section headers, which may have been stripped, are not looked at. */
export interface ElfFile {
  readonly bits: 32 | 64;
  readonly isLittle: boolean;
  /** `e_type` */
  readonly type: number;
  /** `e_machine` */
  readonly machine: number;
  readonly segments: readonly Segment[];
  /** The fields at an offset; good until the next call. */
  at(offset: number, length: number): DataView;
}

const shortestHeader = 52;
const magic = [0x7f, 0x45, 0x4c, 0x46];
/** The kernel starts no program whose program headers are larger. */
const mostHeaderBytes = 64 * 1024;

/**
 * Reads the headers of an ELF file; undefined for what is none.
 * @throws Contradiction
 */
export function openElf(file: FileBytes): ElfFile | undefined {
  if (file.size < shortestHeader) return undefined;
  const start = file.read(0, 16);
  if (!magic.every((byte, index) => start[index] === byte)) return undefined;
  const bits = ([undefined, 32, 64] as const)[start[4] ?? 0];
  const isLittle = [undefined, true, false][start[5] ?? 0];
  if (bits === undefined || isLittle === undefined) throw new Contradiction('its class or byte order is none there is');
  const at = (offset: number, length: number): DataView => fieldsAt(file, offset, length);
  return { bits, isLittle, at, ...headerOf(at, bits, isLittle) };
}

function fieldsAt(file: FileBytes, offset: number, length: number): DataView {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > file.size) {
    throw new Contradiction(`it refers to ${length} bytes at ${offset}, and has ${file.size}`);
  }
  const { buffer, byteOffset } = file.read(offset, length);
  return new DataView(buffer, byteOffset, length);
}

type Header = Pick<ElfFile, 'type' | 'machine' | 'segments'>;

function headerOf(at: ElfFile['at'], bits: 32 | 64, isLittle: boolean): Header {
  const header = at(0, bits === 64 ? 64 : shortestHeader);
  const [type, machine] = [header.getUint16(16, isLittle), header.getUint16(18, isLittle)];
  const offset = word(header, bits === 64 ? 32 : 28, bits, isLittle);
  const [entrySize, count] = [54, 56].map((place) => header.getUint16(bits === 64 ? place : place - 12, isLittle));
  return { type, machine, segments: segmentsOf(at, { offset, entrySize, count }, bits, isLittle) };
}

interface Table {
  readonly offset: number;
  readonly entrySize: number | undefined;
  readonly count: number | undefined;
}

function segmentsOf(at: ElfFile['at'], table: Table, bits: 32 | 64, isLittle: boolean): Segment[] {
  const { offset, entrySize, count = 0 } = table;
  if (count === 0) return [];
  const size = bits === 64 ? 56 : 32;
  if (entrySize !== size) throw new Contradiction(`its program headers have ${entrySize} bytes each, not ${size}`);
  if (count * size > mostHeaderBytes) throw new Contradiction(`it has ${count} program headers`);
  const headers = at(offset, count * size);
  return Array.from({ length: count }, (_, index) => segmentOf(headers, index * size, bits, isLittle));
}

function segmentOf(headers: DataView, start: number, bits: 32 | 64, isLittle: boolean): Segment {
  const field = (place: number): number => word(headers, start + place, bits, isLittle);
  const type = headers.getUint32(start, isLittle);
  return bits === 64
    ? { type, offset: field(8), address: field(16), fileSize: field(32) }
    : { type, offset: field(4), address: field(8), fileSize: field(16) };
}

/** An offset, address or size; those above 2^53 come out rounded, and lie outside of every file. */
export function word(view: DataView, place: number, bits: 32 | 64, isLittle: boolean): number {
  return bits === 64 ? Number(view.getBigUint64(place, isLittle)) : view.getUint32(place, isLittle);
}

/** Reads what lies at addresses once the file is loaded. */
export interface Memory {
  at(address: number, length: number): DataView;
  /** How many bytes of the file follow at an address in its segment. */
  follow(address: number): number;
}

export function memoryOf(elf: ElfFile): Memory {
  const loaded = elf.segments.filter(({ type, fileSize }) => type === segmentTypes.load && fileSize > 0);
  const holder = (from: number): Segment => {
    const found = loaded.find(({ address, fileSize }) => address <= from && from < address + fileSize);
    if (found === undefined) throw new Contradiction(`it refers to the address ${from}, where it loads nothing`);
    return found;
  };
  const follow = (address: number): number => {
    const segment = holder(address);
    return segment.address + segment.fileSize - address;
  };
  return {
    follow,
    at: (address, length) => {
      if (length > follow(address)) throw new Contradiction(`it refers beyond what it loads at the address ${address}`);
      const segment = holder(address);
      return elf.at(segment.offset + (address - segment.address), length);
    },
  };
}
