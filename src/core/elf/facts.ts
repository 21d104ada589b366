import type { Architecture } from '../architecture.ts';

/** Symbol versions of one library that an object needs (Linux Standard Base Core, symbol versioning: `.gnu.version_r`). */
export interface NeededVersions {
  readonly library: string;
  /** Such as `GLIBC_2.38`; those marked weak are left out. */
  readonly versions: readonly string[];
}

/** What a dynamic ELF program or library says of itself (elf(5), ld.so(8)). */
export interface ElfFacts {
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
  /** `e_machine` */
  readonly machine: number;
  /** The architecture that the three above stand for; undefined for one we do not know. */
  readonly architecture: Architecture | undefined;
  /** The loader that a program asks for (PT_INTERP). */
  readonly interpreter?: string;
  readonly soname?: string;
  /** DT_NEEDED, in the order of the file. */
  readonly needed: readonly string[];
  /** DT_RPATH, split at the colons; counts only where there is no DT_RUNPATH. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  readonly neededVersions: readonly NeededVersions[];
  /** The symbol versions it defines, such as `GLIBC_2.36`. */
  readonly definedVersions: readonly string[];
}
