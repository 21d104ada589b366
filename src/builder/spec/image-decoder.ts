import type { Position, Problem } from '../../core/problems.ts';
import {
  accept,
  alsoChecked,
  anything,
  entriesOf,
  list,
  located,
  mapOf,
  mapped,
  reject,
  string,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { givenField, optional, required, struct, withDefault } from '../../core/yaml/struct.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';
import type { Value } from '../../core/yaml/tree.ts';
import type { ContainerImage, ImageSymlinks } from './image.ts';
import { imageOnly } from './source-decoder.ts';
import type { ImageSource, Text } from './sources.ts';
import { withExtensions } from './step-decoder.ts';
import { text, textMap, texts, word, words } from './text.ts';

const bases = list(
  mapped(struct({ rootfs: required(imageOnly) }, withExtensions), ({ rootfs }): ImageSource => rootfs),
);

const linkFields = struct({ path: optional(text), paths: texts, user: word, group: word }, withExtensions);

interface PlacedLinks extends Omit<ImageSymlinks, 'target' | 'paths'> {
  readonly paths: readonly Text[];
}

const pathOrPaths = "'path' and 'paths' fields are mutually exclusive, and at least one is required";

const linksToOne: Decoder<PlacedLinks> = (value, at) => {
  const decoded = linkFields(value, at);
  if (!decoded.ok) return decoded;
  const { path, paths, user, group } = decoded.value;
  const single = path === undefined || path.value === '' ? [] : [path];
  const good = single.length === 0 ? paths.length > 0 : paths.length === 0;
  return good ? accept({ paths: [...single, ...paths], user, group }) : reject(value.position, at, pathOrPaths);
};

const linkTarget: Decoder<string> = (value, path) => {
  const target = string(value, path);
  return target.ok && target.value === '' ? reject(value.position, path, 'symlink source is empty') : target;
};

const symlinks: Decoder<readonly ImageSymlinks[]> = (value, path) => {
  const decoded = entriesOf(linksToOne, linkTarget)(value, path);
  if (!decoded.ok) return decoded;
  const problems = repeated(decoded.value.flatMap(({ key, value: { paths } }) => paths.map((at) => ({ key, at }))));
  if (problems.length > 0)
    return { ok: false, problems: problems.map(({ key, at }) => notUnique(path, key.value, at)) };
  return accept(
    decoded.value.map(({ key, value: links }) => ({
      ...links,
      target: key,
      paths: links.paths.map(({ value: at }) => at),
    })),
  );
};

/** The paths that stand in the list before already. */
function repeated(paths: readonly { readonly key: Text; readonly at: Text }[]) {
  const seen = new Set<string>();
  return paths.filter(({ at }) => seen.size === seen.add(at.value).size);
}

function notUnique(path: string, target: string, at: Text): Problem {
  const message = `symlink 'newpaths' must be unique: ${quote(at.value)} is there already`;
  return { position: at.position, field: fieldPath(path, target), message };
}

const fields = struct(
  {
    entrypoint: word,
    cmd: word,
    env: words,
    labels: textMap,
    volumes: withDefault(mapOf(anything), new Map()),
    working_dir: word,
    stop_signal: word,
    user: word,
    base: optional(text),
    bases: optional(bases),
    post: optional(struct({ symlinks: withDefault(symlinks, []) }, withExtensions)),
  },
  withExtensions,
);

/** How a container is made of the package; `base` becomes the one item of `bases`. */
export const image: Decoder<ContainerImage> = alsoChecked(
  mapped(located(fields), ({ value, position }) => ({
    position,
    entrypoint: value.entrypoint,
    cmd: value.cmd,
    env: value.env,
    labels: value.labels,
    volumes: [...value.volumes.keys()],
    workingDirectory: value.working_dir,
    stopSignal: value.stop_signal,
    user: value.user,
    bases: value.base === undefined || value.base.value === '' ? value.bases : [imageSource(value.base)],
    post: value.post,
  })),
  bothBases,
);

function bothBases(value: Value, field: string): readonly Problem[] {
  const base = givenField(value, 'base');
  const other = base === undefined ? undefined : givenField(value, 'bases');
  if (other === undefined) return [];
  return [{ position: other.key.position, field, message: 'cannot specify both image.base and image.bases' }];
}

function imageSource(ref: { readonly value: string; readonly position: Position }): ImageSource {
  const nothing = { path: undefined, includes: [], excludes: [], generators: [], command: undefined };
  return { kind: 'image', position: ref.position, ref, ...nothing };
}
