import type { Architecture } from '../architecture.ts';

/** The names of directories for libraries of an architecture, below /lib and /usr/lib (Debian's multiarch tuples). */
const tuples: Readonly<Record<Architecture, string>> = {
  arm: 'arm-linux-gnueabihf',
  arm64: 'aarch64-linux-gnu',
  loongarch64: 'loongarch64-linux-gnu',
  'mips-le': 'mipsel-linux-gnu',
  mips64: 'mips64-linux-gnuabi64',
  'mips64-le': 'mips64el-linux-gnuabi64',
  ppc64: 'powerpc64-linux-gnu',
  'ppc64-le': 'powerpc64le-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
  s390x: 's390x-linux-gnu',
  sparc64: 'sparc64-linux-gnu',
  x86: 'i386-linux-gnu',
  'x86-64': 'x86_64-linux-gnu',
};

export function multiarchTuple(architecture: Architecture): string {
  return tuples[architecture];
}

/** What `$LIB` may stand for (ld.so(8)), the likeliest first: distributions build their loaders differently. */
export function libraryDirectoryNames(architecture: Architecture, bits: 32 | 64): readonly string[] {
  return [`lib/${tuples[architecture]}`, bits === 64 ? 'lib64' : 'lib', 'lib'];
}

/** What `$PLATFORM` stands for on most machines of an architecture. */
export function platformName(architecture: Architecture): string {
  const [machine = ''] = tuples[architecture].split('-');
  return machine;
}

/**
 * Where the loader of a host looks without being told. That is fixed when it is built: Debian's looks into the
 * directories of its multiarch tuple, others into lib64.
 * @param isMultiarch whether the host keeps its C library below the tuple.
 */
export function defaultDirectories(architecture: Architecture, bits: 32 | 64, isMultiarch: boolean): readonly string[] {
  const tuple = tuples[architecture];
  const own = isMultiarch ? [`lib/${tuple}`, `usr/lib/${tuple}`] : bits === 64 ? ['lib64', 'usr/lib64'] : [];
  return [...own, 'lib', 'usr/lib'].map((path) => `/${path}`);
}
