import type { ElfFacts } from './facts.ts';
import {
  Contradiction,
  memoryOf,
  openElf,
  segmentTypes,
  word,
  type ElfFile,
  type FileBytes,
  type Memory,
  type Segment,
} from './file.ts';
import { architectureOfElf } from './machine.ts';
import { stringsAt, type Strings } from './strings.ts';
import { readDefinedVersions, readNeededVersions } from './versions.ts';

/** What a file turned out to be. */
export type ElfReading =
  | { readonly kind: 'object'; readonly facts: ElfFacts }
  /** No ELF file, or one that nothing loads: an object file, debug information, a core dump. */
  | { readonly kind: 'other' }
  /** An ELF file that no loader takes; why, as a clause about the file: "it refers to 20 bytes at 99, and has 64". */
  | { readonly kind: 'damaged'; readonly why: string };

const types = { program: 2, shared: 3 } as const;

/**
 * Reads what a program or library says of itself, by its program headers as the loader does; a static program needs
 * nothing. Whatever the bytes are, little of them is read, and none of them makes it throw; what `file.read` throws
 * comes through.
 */
export function readElf(file: FileBytes): ElfReading {
  try {
    const elf = openElf(file);
    if (elf === undefined || (elf.type !== types.program && elf.type !== types.shared)) return { kind: 'other' };
    const dynamic = elf.segments.find(({ type }) => type === segmentTypes.dynamic);
    // Debug information keeps the program headers of its program, and nothing that they stand for.
    if (dynamic?.fileSize === 0) return { kind: 'other' };
    return { kind: 'object', facts: { ...identityOf(elf), ...interpreterOf(elf), ...dynamicFacts(elf, dynamic) } };
  } catch (error) {
    if (error instanceof Contradiction) return { kind: 'damaged', why: error.message };
    throw error;
  }
}

function identityOf({
  bits,
  isLittle,
  machine,
}: ElfFile): Pick<ElfFacts, 'bits' | 'endian' | 'machine' | 'architecture'> {
  const endian = isLittle ? 'little' : 'big';
  return { bits, endian, machine, architecture: architectureOfElf(machine, bits, endian) };
}

const longestInterpreter = 4096;

function interpreterOf(elf: ElfFile): Pick<ElfFacts, 'interpreter'> {
  const segment = elf.segments.find(({ type, fileSize }) => type === segmentTypes.interpreter && fileSize > 0);
  if (segment === undefined) return {};
  if (segment.fileSize > longestInterpreter) throw new Contradiction('the name of its loader is too long');
  const view = elf.at(segment.offset, segment.fileSize);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const end = bytes.indexOf(0);
  return {
    interpreter: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, end === -1 ? undefined : end)),
  };
}

/** Entries of the dynamic section (elf(5), `d_tag`). */
const tags = {
  end: 0,
  needed: 1,
  strings: 5,
  stringsSize: 10,
  soname: 14,
  rpath: 15,
  runpath: 29,
  defined: 0x6fff_fffc,
  definedCount: 0x6fff_fffd,
  neededVersions: 0x6fff_fffe,
  neededVersionsCount: 0x6fff_ffff,
} as const;

type Dynamic = ReadonlyMap<number, readonly number[]>;
type DynamicFacts = Pick<ElfFacts, 'soname' | 'needed' | 'rpath' | 'runpath' | 'neededVersions' | 'definedVersions'>;

const nothing: DynamicFacts = { needed: [], rpath: [], runpath: [], neededVersions: [], definedVersions: [] };

function dynamicFacts(elf: ElfFile, segment: Segment | undefined): DynamicFacts {
  if (segment === undefined) return nothing;
  const memory = memoryOf(elf);
  const dynamic = readDynamic(elf, memory, segment);
  const strings = stringsOf(memory, dynamic);
  const texts = (tag: number): string[] => (dynamic.get(tag) ?? []).map(strings);
  // The loader takes the last one of what can be there once.
  const [soname, rpath, runpath] = [tags.soname, tags.rpath, tags.runpath].map((tag) => texts(tag).at(-1));
  return {
    ...(soname === undefined ? {} : { soname }),
    needed: texts(tags.needed),
    rpath: splitPath(rpath),
    runpath: splitPath(runpath),
    ...versionsOf({ memory, strings, isLittle: elf.isLittle }, dynamic),
  };
}

function splitPath(path: string | undefined): string[] {
  return path === undefined ? [] : path.split(':');
}

/** More than any object has: names are what fills the section. */
const mostEntries = 4096;

function readDynamic({ bits, isLittle }: ElfFile, memory: Memory, segment: Segment): Dynamic {
  const width = bits / 8;
  const count = Math.min(mostEntries, Math.floor(segment.fileSize / (2 * width)));
  const view = memory.at(segment.address, count * 2 * width);
  const entries = new Map<number, number[]>();
  for (let index = 0; index < count; index++) {
    const [tag, value] = [0, width].map((place) => word(view, index * 2 * width + place, bits, isLittle));
    if (tag === tags.end) return entries;
    if (tag === undefined || value === undefined) continue;
    const known = entries.get(tag);
    if (known === undefined) entries.set(tag, [value]);
    else known.push(value);
  }
  throw new Contradiction(`its dynamic section does not end within ${count} entries`);
}

function stringsOf(memory: Memory, dynamic: Dynamic): Strings {
  const [address, size] = [dynamic.get(tags.strings)?.at(-1), dynamic.get(tags.stringsSize)?.at(-1)];
  if (address !== undefined && size !== undefined) return stringsAt(memory, address, size);
  return () => {
    throw new Contradiction('it names libraries, and has no string table');
  };
}

function versionsOf(
  reader: { readonly memory: Memory; readonly strings: Strings; readonly isLittle: boolean },
  dynamic: Dynamic,
): Pick<ElfFacts, 'neededVersions' | 'definedVersions'> {
  const last = (tag: number): number | undefined => dynamic.get(tag)?.at(-1);
  const [needed, defined] = [last(tags.neededVersions), last(tags.defined)];
  return {
    neededVersions: needed === undefined ? [] : readNeededVersions(reader, needed, last(tags.neededVersionsCount) ?? 0),
    definedVersions: defined === undefined ? [] : readDefinedVersions(reader, defined, last(tags.definedCount) ?? 0),
  };
}
