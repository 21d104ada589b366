import type { Problem } from '../../core/problems.ts';
import { alsoChecked, boolean, entriesOf, list, located, mapped, type Decoder } from '../../core/yaml/decoder.ts';
import { givenField, required, struct, withDefault } from '../../core/yaml/struct.ts';
import { fieldPath } from '../../core/yaml/text.ts';
import { isEmpty, keyName, type Value } from '../../core/yaml/tree.ts';
import {
  artifactKinds,
  type ArtifactDirectory,
  type ArtifactFile,
  type ArtifactKind,
  type Artifacts,
  type SystemdDropIn,
  type SystemdUnit,
} from './artifacts.ts';
import type { Text } from './sources.ts';
import { withExtensions } from './step-decoder.ts';
import { mode, text, word } from './text.ts';

const flag = withDefault(boolean, false);

const capability = struct({ name: word, effective: flag, permitted: flag, inheritable: flag }, withExtensions);

const owner = { user: word, group: word };

/** A map from paths to settings, as a list: each path keeps its place. */
function byPath<T extends object>(settings: Decoder<T>): Decoder<readonly (T & { readonly path: Text })[]> {
  return mapped(entriesOf(settings), (entries) => entries.map(({ key, value }) => ({ path: key, ...value })));
}

const files: Decoder<readonly ArtifactFile[]> = mapped(
  byPath(
    struct(
      {
        subpath: word,
        name: word,
        permissions: mode,
        ...owner,
        linux_capabilities: withDefault(list(capability), []),
      },
      withExtensions,
    ),
  ),
  (entries) => entries.map(({ linux_capabilities: capabilities, ...file }) => ({ ...file, capabilities })),
);

const executable: readonly ArtifactKind[] = ['binaries', 'libs', 'libexec', 'opt'];

function filesOf(kind: ArtifactKind) {
  return withDefault(
    executable.includes(kind) ? files : alsoChecked(files, (value, path) => capable(kind, value, path)),
    [],
  );
}

/** The files with capabilities, of a kind that is never run. */
function capable(kind: ArtifactKind, value: Value, path: string): readonly Problem[] {
  if (value.kind !== 'map') return [];
  return value.entries.flatMap(({ key, value: settings }) => {
    const given = givenField(settings, 'linux_capabilities');
    const name = keyName(key);
    if (given === undefined || name === undefined || isEmpty(given.value)) return [];
    const message =
      'capabilities can only be set on executable files (binaries, libs, libexec, opt); ' +
      `cannot set capabilities on ${kind} '${name}'`;
    return [{ position: given.key.position, field: fieldPath(path, name), message }];
  });
}

const directories: Decoder<readonly ArtifactDirectory[]> = byPath(struct({ mode, ...owner }, withExtensions));

const units: Decoder<readonly SystemdUnit[]> = byPath(
  struct({ name: word, enable: flag, start: flag }, withExtensions),
);

const dropins: Decoder<readonly SystemdDropIn[]> = byPath(struct({ name: word, unit: word }, withExtensions));

const link = struct({ source: required(text), dest: required(text), ...owner }, withExtensions);

const names = withDefault(
  mapped(list(struct({ name: required(text) }, withExtensions)), (entries) => entries.map(({ name }) => name)),
  [],
);

const fields = struct(
  {
    binaries: filesOf('binaries'),
    libexec: filesOf('libexec'),
    libs: filesOf('libs'),
    opt: filesOf('opt'),
    manpages: filesOf('manpages'),
    data_dirs: filesOf('data_dirs'),
    headers: filesOf('headers'),
    docs: filesOf('docs'),
    licenses: filesOf('licenses'),
    configFiles: filesOf('configFiles'),
    createDirectories: withDefault(
      struct({ config: withDefault(directories, []), state: withDefault(directories, []) }, withExtensions),
      { config: [], state: [] },
    ),
    systemd: withDefault(struct({ units: withDefault(units, []), dropins: withDefault(dropins, []) }, withExtensions), {
      units: [],
      dropins: [],
    }),
    links: withDefault(list(link), []),
    users: names,
    groups: names,
    disable_strip: flag,
    disable_auto_requires: flag,
  },
  withExtensions,
);

/** What a spec's own package consists of. */
export const artifacts: Decoder<Artifacts> = mapped(located(fields), ({ value, position }) => ({
  position,
  files: filesIn(value),
  createDirectories: value.createDirectories,
  systemd: value.systemd,
  links: value.links,
  users: value.users,
  groups: value.groups,
  disableStrip: value.disable_strip,
  disableAutoRequires: value.disable_auto_requires,
}));

function filesIn(value: Artifacts['files']): Artifacts['files'] {
  return Object.fromEntries(artifactKinds.map((kind) => [kind, value[kind]])) as Artifacts['files'];
}
