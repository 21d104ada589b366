import {
  artifactKinds,
  type ArtifactFile,
  type ArtifactKind,
  type ArtifactPlace,
  type Artifacts,
  type OwnPlacing,
} from '../spec/artifacts.ts';
import type { Text } from '../spec/sources.ts';
import { directoryOf, manualPath, unitDirectory, type Layout } from './layout.ts';

/** One file or directory of the sources and its place in the image. */
export interface Placement {
  /** The field of the spec that says so: `artifacts.binaries`. */
  readonly field: string;
  /** Relative to where the sources are; may end in a glob. */
  readonly from: Text;
  /** The path that something of this name gets, relative to the root. */
  readonly to: (name: string) => string;
  /** The name that the spec gives it; undefined: that of the file. */
  readonly name: string | undefined;
  readonly permissions: number | undefined;
  /** Names of the user and the group that own it; empty: root. */
  readonly user: string;
  readonly group: string;
}

const ownedByRoot = { user: '', group: '' };

/** Where the package of a spec has its files. */
export interface Places {
  readonly layout: Layout;
  /** The name of the package. */
  readonly pkg: string;
  readonly placing: OwnPlacing;
}

/** Where all files of the spec's own package go. */
export function placements(artifacts: Artifacts, { layout, pkg, placing }: Places): readonly Placement[] {
  return [
    ...artifactKinds.flatMap((kind) => artifacts.files[kind].map((file) => ofFile(kind, file, layout, pkg))),
    ...artifacts.systemd.units.map(({ path, name }) => ({
      field: 'artifacts.systemd.units',
      from: path,
      to: (given: string) => `${unitDirectory}/${given}`,
      name: orUndefined(name),
      permissions: 0o644,
      ...ownedByRoot,
    })),
    ...artifacts.systemd.dropins.map(({ path, name, unit }) => ({
      field: 'artifacts.systemd.dropins',
      from: path,
      to: (given: string) => `${unitDirectory}/${unit}.d/${given}`,
      name: orUndefined(name),
      permissions: 0o644,
      ...ownedByRoot,
    })),
    ...placing.places.map(ofPlace),
  ];
}

function ofPlace({ path, to }: ArtifactPlace): Placement {
  const place = to.value.replace(/^\/+|\/+$/g, '');
  const isGlob = /[*?[]/.test(path.value.slice(path.value.lastIndexOf('/') + 1));
  return {
    field: 'x-sysext.files',
    from: path,
    to: (given) => (isGlob ? `${place}/${given}` : place),
    name: undefined,
    permissions: undefined,
    ...ownedByRoot,
  };
}

function ofFile(kind: ArtifactKind, file: ArtifactFile, layout: Layout, pkg: string): Placement {
  const subpath = file.subpath.replace(/^\/+|\/+$/g, '');
  const name = orUndefined(file.name);
  return {
    field: `artifacts.${kind}`,
    from: file.path,
    to: (given) =>
      kind === 'manpages'
        ? manualPath(subpath, given, name !== undefined, layout, pkg)
        : [directoryOf(kind, layout, pkg), subpath, given].filter((part) => part !== '').join('/'),
    name,
    permissions: file.permissions,
    user: file.user,
    group: file.group,
  };
}

function orUndefined(text: string): string | undefined {
  return text === '' ? undefined : text;
}
