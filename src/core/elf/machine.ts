import type { Architecture } from '../architecture.ts';

/** `e_machine`, class and byte order of the architectures we know (elf.h; gABI, "e_machine"). */
const architectures: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ['3 32 little', 'x86'],
  ['62 64 little', 'x86-64'],
  ['40 32 little', 'arm'],
  ['183 64 little', 'arm64'],
  ['8 32 little', 'mips-le'],
  ['8 64 big', 'mips64'],
  ['8 64 little', 'mips64-le'],
  ['21 64 big', 'ppc64'],
  ['21 64 little', 'ppc64-le'],
  ['22 64 big', 's390x'],
  ['43 64 big', 'sparc64'],
  ['243 64 little', 'riscv64'],
  ['258 64 little', 'loongarch64'],
]);

/** The architecture of an ELF file; undefined for one we do not know. */
export function architectureOfElf(machine: number, bits: 32 | 64, endian: 'little' | 'big'): Architecture | undefined {
  return architectures.get(`${machine} ${bits} ${endian}`);
}
