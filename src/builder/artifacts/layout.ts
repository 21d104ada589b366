import type { ArtifactKind } from '../spec/artifacts.ts';
import type { Target } from '../targets/target.ts';

/** Where a distribution has the files of a package. */
export interface Layout {
  readonly family: 'deb' | 'rpm';
  /** Where libraries are: `usr/lib`, or `usr/lib64`. */
  readonly libraries: string;
}

export const unitDirectory = 'usr/lib/systemd/system';

/** The directory of a kind of files, relative to the root, for the package `name` (Dalec's documentation of artifacts). */
export function directoryOf(kind: Exclude<ArtifactKind, 'manpages'>, layout: Layout, name: string): string {
  const directories = {
    binaries: 'usr/bin',
    libexec: 'usr/libexec',
    libs: layout.libraries,
    opt: 'opt',
    data_dirs: 'usr/share',
    headers: 'usr/include',
    docs: `usr/share/doc/${name}`,
    licenses: layout.family === 'deb' ? `usr/share/doc/${name}` : `usr/share/licenses/${name}`,
    configFiles: 'etc',
  } as const satisfies Record<Exclude<ArtifactKind, 'manpages'>, string>;
  return directories[kind];
}

/**
 * Where a manual page goes: as debhelper has it, to the section that its name ends in, unless the spec says where it
 * belongs; as rpm has it, to where the spec says.
 */
export function manualPath(subpath: string, name: string, renamed: boolean, layout: Layout, pkg: string): string {
  const below = subpath === '' ? name : `${subpath}/${name}`;
  if (layout.family === 'rpm') return `usr/share/man/${below}`;
  const section = /\.([1-9n])[a-z]*(\.gz)?$/.exec(name)?.[1];
  const isPlain = !renamed && (subpath === '' || subpath === `man${section ?? ''}`);
  return isPlain && section !== undefined
    ? `usr/share/man/man${section}/${name}`
    : `usr/share/doc/manpages/${pkg}/${below}`;
}

/** Where the packages of a target have their files. */
export function layoutOf({ repositories, libdir = '/usr/lib' }: Pick<Target, 'repositories' | 'libdir'>): Layout {
  return { family: repositories[0]?.family ?? 'deb', libraries: libdir.slice(1) };
}
