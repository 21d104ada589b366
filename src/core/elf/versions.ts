import type { NeededVersions } from './facts.ts';
import { Contradiction, type Memory } from './file.ts';
import type { Strings } from './strings.ts';

/** More versions than any library has; chains that lead in circles end there. */
const mostVersions = 16_384;

const flags = { base: 1, weak: 2 } as const;

/** What the chains of symbol versions are read with. */
export interface VersionReader {
  readonly memory: Memory;
  readonly strings: Strings;
  readonly isLittle: boolean;
}

/** One structure of a chain, and how far behind it the next one lies; 0 at the end. */
interface Link<T> {
  readonly value: T;
  readonly next: number;
}

/** The structures of a chain: as many as were announced, or up to the one that says it is the last. */
function chain<T>(start: number, count: number, read: (address: number) => Link<T>): T[] {
  const values: T[] = [];
  let address = start;
  while (values.length < count) {
    if (values.length >= mostVersions) throw new Contradiction(`it has more than ${mostVersions} symbol versions`);
    const { value, next } = read(address);
    values.push(value);
    if (next === 0) break;
    address += next;
  }
  return values;
}

interface Header {
  readonly count: number;
  readonly file: number;
  readonly first: number;
}

interface Version {
  readonly name: number;
  readonly flags: number;
}

/** The versions that an object needs (`Elf64_Verneed`), by the library that must define them. */
export function readNeededVersions(reader: VersionReader, start: number, count: number): NeededVersions[] {
  const { memory, strings, isLittle } = reader;
  const within = limited();
  const headers = chain(start, count, (address): Link<Header> => {
    const view = memory.at(address, 16);
    const first = address + view.getUint32(8, isLittle);
    return {
      value: { count: view.getUint16(2, isLittle), file: view.getUint32(4, isLittle), first },
      next: view.getUint32(12, isLittle),
    };
  });
  return headers.map((header) => {
    const versions = chain(header.first, within(header.count), (address) => neededVersion(memory, address, isLittle));
    const strong = versions.filter((version) => (version.flags & flags.weak) === 0);
    return { library: strings(header.file), versions: strong.map(({ name }) => strings(name)) };
  });
}

function neededVersion(memory: Memory, address: number, isLittle: boolean): Link<Version> {
  const view = memory.at(address, 16);
  return {
    value: { flags: view.getUint16(4, isLittle), name: view.getUint32(8, isLittle) },
    next: view.getUint32(12, isLittle),
  };
}

/** The versions that a library defines (`Elf64_Verdef`), without the one that stands for the file itself. */
export function readDefinedVersions(reader: VersionReader, start: number, count: number): string[] {
  const { memory, strings, isLittle } = reader;
  const definitions = chain(start, count, (address) => {
    const view = memory.at(address, 20);
    const value = { flags: view.getUint16(2, isLittle), name: address + view.getUint32(12, isLittle) };
    return { value, next: view.getUint32(16, isLittle) };
  });
  const own = definitions.filter((definition) => (definition.flags & flags.base) === 0);
  return own.map(({ name }) => strings(memory.at(name, 8).getUint32(0, isLittle)));
}

/** Passes counts on until they are too many together. */
function limited(): (count: number) => number {
  let total = 0;
  return (count) => {
    total += count;
    if (total > mostVersions) throw new Contradiction(`it has more than ${mostVersions} symbol versions`);
    return count;
  };
}
