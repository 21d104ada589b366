import type { Position } from '../../core/problems.ts';
import type { Text } from './sources.ts';

/** The kinds of files that a spec's own package may have, each with a directory of its own, in the spelling of specs. */
export const artifactKinds = [
  'binaries',
  'libexec',
  'libs',
  'opt',
  'manpages',
  'data_dirs',
  'headers',
  'docs',
  'licenses',
  'configFiles',
] as const;

export type ArtifactKind = (typeof artifactKinds)[number];

/** A file or a directory of the build, and where it goes. */
export interface ArtifactFile {
  /** Relative to where the sources are: `src/cfgd.conf`; may end in a glob. */
  readonly path: Text;
  /** A directory below the one of its kind; empty for that itself. */
  readonly subpath: string;
  /** Empty: the last part of the path. */
  readonly name: string;
  /** The bits of chmod; undefined: those that the file has. */
  readonly permissions: number | undefined;
  readonly user: string;
  readonly group: string;
  readonly capabilities: readonly LinuxCapability[];
}

export interface LinuxCapability {
  readonly name: string;
  readonly effective: boolean;
  readonly permitted: boolean;
  readonly inheritable: boolean;
}

/** A directory to be made, below /etc or /var/lib. */
export interface ArtifactDirectory {
  readonly path: Text;
  readonly mode: number | undefined;
  readonly user: string;
  readonly group: string;
}

export interface SystemdUnit {
  readonly path: Text;
  /** Empty: the last part of the path. */
  readonly name: string;
  readonly enable: boolean;
  readonly start: boolean;
}

export interface SystemdDropIn {
  readonly path: Text;
  /** Empty: the last part of the path. */
  readonly name: string;
  /** The unit that it is for: `docker.service`. */
  readonly unit: string;
}

/** A symbolic link at `dest` that leads to `source`. */
export interface ArtifactLink {
  readonly source: Text;
  readonly dest: Text;
  readonly user: string;
  readonly group: string;
}

/** Something of the build and the place of its own that it gets, outside of the directories of the kinds. */
export interface ArtifactPlace {
  readonly path: Text;
  /** Absolute, below `/usr` or `/opt`: `/usr/local/jq`. */
  readonly to: Text;
}

/** What Dalec has no word for, and our own part of a spec says. */
export interface OwnPlacing {
  readonly places: readonly ArtifactPlace[];
  /** `sysusers`: users, groups and owners become files that systemd makes them of when the extension is merged. */
  readonly accounts: 'sysusers' | undefined;
}

/** What the spec's own package consists of. */
export interface Artifacts {
  readonly position: Position;
  /** In the order of the spec. */
  readonly files: Readonly<Record<ArtifactKind, readonly ArtifactFile[]>>;
  readonly createDirectories: {
    readonly config: readonly ArtifactDirectory[];
    readonly state: readonly ArtifactDirectory[];
  };
  readonly systemd: { readonly units: readonly SystemdUnit[]; readonly dropins: readonly SystemdDropIn[] };
  readonly links: readonly ArtifactLink[];
  readonly users: readonly Text[];
  readonly groups: readonly Text[];
  readonly disableStrip: boolean;
  readonly disableAutoRequires: boolean;
}

/** A package without files. */
export function noArtifacts(position: Position): Artifacts {
  return {
    position,
    files: Object.fromEntries(artifactKinds.map((kind) => [kind, [] as readonly ArtifactFile[]])) as Artifacts['files'],
    createDirectories: { config: [], state: [] },
    systemd: { units: [], dropins: [] },
    links: [],
    users: [],
    groups: [],
    disableStrip: false,
    disableAutoRequires: false,
  };
}
