/** Names of CPU architectures as systemd writes them in `ARCHITECTURE=` of an extension-release file (systemd.unit(5)). */
export type Architecture =
  | 'arm'
  | 'arm64'
  | 'loongarch64'
  | 'mips-le'
  | 'mips64'
  | 'mips64-le'
  | 'ppc64'
  | 'ppc64-le'
  | 'riscv64'
  | 's390x'
  | 'sparc64'
  | 'x86'
  | 'x86-64';

interface Spellings {
  /** The name Docker and Go use, and Dalec's `--platform` with them. */
  readonly docker: string;
  /** The name of Debian's port; absent where Debian has none. */
  readonly debian?: string;
  /** The name of rpm's packages; absent where no distribution has any. */
  readonly rpm?: string;
  /** What dnf puts for `$basearch` in addresses, where it is another name. */
  readonly basearch?: string;
  /** What `uname -m` says, and other names of the same architecture: those of older ports. */
  readonly others?: readonly string[];
}

const spellings: Readonly<Record<Architecture, Spellings>> = {
  arm: {
    docker: 'arm',
    debian: 'armhf',
    rpm: 'armv7hl',
    basearch: 'armhfp',
    others: ['armel', 'armv6l', 'armv7l', 'armv8l', 'armv6hl'],
  },
  arm64: { docker: 'arm64', debian: 'arm64', rpm: 'aarch64' },
  loongarch64: { docker: 'loong64', debian: 'loong64', rpm: 'loongarch64' },
  'mips-le': { docker: 'mipsle', debian: 'mipsel' },
  mips64: { docker: 'mips64', debian: 'mips64' },
  'mips64-le': { docker: 'mips64le', debian: 'mips64el' },
  ppc64: { docker: 'ppc64', debian: 'ppc64' },
  'ppc64-le': { docker: 'ppc64le', debian: 'ppc64el', rpm: 'ppc64le' },
  riscv64: { docker: 'riscv64', debian: 'riscv64', rpm: 'riscv64' },
  s390x: { docker: 's390x', debian: 's390x', rpm: 's390x' },
  sparc64: { docker: 'sparc64', debian: 'sparc64' },
  x86: { docker: '386', debian: 'i386', rpm: 'i686', basearch: 'i386', others: ['i486', 'i586'] },
  'x86-64': { docker: 'amd64', debian: 'amd64', rpm: 'x86_64' },
};

/** All architectures we know, by systemd's names. */
export const architectures: readonly Architecture[] = Object.keys(spellings) as Architecture[];

const bySpelling: ReadonlyMap<string, Architecture> = new Map(
  architectures.flatMap((architecture) => {
    const { docker, debian, rpm, basearch, others = [] } = spellings[architecture];
    const names = [architecture, docker, debian ?? docker, rpm ?? docker, basearch ?? docker, ...others];
    return names.map((name) => [name, architecture] as const);
  }),
);

/** The architecture that any of systemd, uname, Docker, Debian and rpm calls by this name; undefined for a stranger. */
export function parseArchitecture(name: string): Architecture | undefined {
  return bySpelling.get(name);
}

/** The architecture of a machine by what `uname -m` says of it; undefined for one we do not know. */
export function architectureOfMachine(uname: string): Architecture | undefined {
  return parseArchitecture(uname);
}

/** The name of Debian's port, as packages and indexes carry it; undefined where Debian has none. */
export function debianArchitecture(architecture: Architecture): string | undefined {
  return spellings[architecture].debian;
}

/** The name that Docker and Go use. */
export function dockerArchitecture(architecture: Architecture): string {
  return spellings[architecture].docker;
}

/** What rpm's packages carry (`x86_64`), and what dnf puts for `$basearch`; undefined where there are none. */
export function rpmArchitecture(
  architecture: Architecture,
): { readonly name: string; readonly basearch: string } | undefined {
  const { rpm, basearch = rpm } = spellings[architecture];
  return rpm === undefined || basearch === undefined ? undefined : { name: rpm, basearch };
}
