import type { Problem } from '../../core/problems.ts';
import {
  accept,
  alsoChecked,
  boolean,
  checked,
  isNull,
  located,
  mapOf,
  mapped,
  mismatch,
  reject,
  string,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import {
  givenField,
  givenFields,
  locatedOr,
  optional,
  requiredText,
  struct,
  withDefault,
  type Field,
} from '../../core/yaml/struct.ts';
import { fieldPath, itemPath, quote } from '../../core/yaml/text.ts';
import { isEmpty, type Value } from '../../core/yaml/tree.ts';
import { digestProblem } from './digest.ts';
import { isExpandable } from './expansion.ts';
import { generators } from './generator-decoder.ts';
import { inlineContent } from './inline-decoder.ts';
import type {
  ContextSource,
  DockerSource,
  GitSource,
  HttpSource,
  ImageSource,
  InlineSource,
  Source,
} from './sources.ts';
import { imageCommand } from './step-decoder.ts';
import { mode, text, texts, word } from './text.ts';

const kinds = ['http', 'git', 'context', 'image', 'inline', 'build'] as const;

type OwnFields<S extends Source> = Omit<S, 'position' | 'path' | 'includes' | 'excludes' | 'generators'>;

const http: Decoder<OwnFields<HttpSource>> = mapped(
  struct({
    url: requiredText('invalid http source: http source must have a URL'),
    digest: optional(located(checked(string, digestProblem))),
    permissions: mode,
  }),
  (fields) => ({ kind: 'http' as const, ...fields }),
);

const git: Decoder<OwnFields<GitSource>> = mapped(
  struct({
    url: requiredText('invalid git source: git source must have a URL'),
    commit: requiredText('invalid git source: git source must have a commit'),
    checksum: optional(text),
    keepGitDir: withDefault(boolean, false),
    auth: withDefault(struct({ header: word, token: word, ssh: word }), { header: '', token: '', ssh: '' }),
  }),
  (fields) => ({ kind: 'git' as const, ...fields }),
);

const context: Decoder<OwnFields<ContextSource>> = mapped(
  struct({
    name: locatedOr(
      mapped(string, (name) => (name === '' ? 'context' : name)),
      'context',
    ),
  }),
  ({ name }) => ({ kind: 'context' as const, name }),
);

const image: Decoder<OwnFields<ImageSource>> = (value, path) =>
  mapped(
    struct({
      ref: requiredText('invalid image source: docker image source must have a ref'),
      cmd: optional(imageCommand(source)),
    }),
    ({ ref, cmd }) => ({ kind: 'image' as const, ref, command: cmd }),
  )(value, path);

const inline: Decoder<OwnFields<InlineSource>> = mapped(inlineContent, (content) => ({
  kind: 'inline' as const,
  content,
}));

/** The source that a Dockerfile is built in; its problems say which source it is of. */
const nestedSource: Field<Source> = (entry, parent, path) => {
  const missing: Value = { kind: 'scalar', position: parent.position, text: '', plain: true };
  const decoded = recursion(entry?.value) ?? source(entry?.value ?? missing, path);
  if (decoded.ok) return decoded;
  return {
    ok: false,
    problems: decoded.problems.map((problem) => ({ ...problem, message: `build source: ${problem.message}` })),
  };

  function recursion(value: Value | undefined) {
    const inner = value === undefined ? undefined : givenField(value, 'build');
    return inner === undefined ? undefined : reject(inner.key.position, path, 'build sources cannot be recursive');
  }
};

const docker: Decoder<OwnFields<DockerSource>> = mapped(
  struct({
    source: nestedSource,
    dockerfile_path: optional(text),
    target: optional(text),
    args: withDefault(mapOf(string), new Map()),
  }),
  ({ source: from, dockerfile_path: dockerfilePath, target, args }) => ({
    kind: 'build' as const,
    source: from,
    dockerfilePath,
    target,
    args,
  }),
);

const sourceFields = struct({
  path: optional(text),
  includes: texts,
  excludes: texts,
  generate: generators,
  http: optional(http),
  git: optional(git),
  context: optional(context),
  image: optional(image),
  inline: optional(inline),
  build: optional(docker),
});

const anySource: Decoder<Source> = (value, path) => {
  const decoded = sourceFields(value, path);
  if (!decoded.ok) return decoded;
  const { path: part, includes, excludes, generate, ...variants } = decoded.value;
  const own = kinds.map((kind) => variants[kind]).find((variant) => variant !== undefined);
  if (own === undefined)
    return reject(value.position, path, `no non-nil source variant: one of ${kinds.join(', ')} is needed`);
  return accept({ ...own, position: value.position, path: part, includes, excludes, generators: generate });
};

/** Only one kind, and no part of a source that is one file. */
function variantProblems(value: Value, path: string): readonly Problem[] {
  const [, ...others] = givenFields(value, kinds);
  const several = others.map(({ key }) => ({
    position: key.position,
    field: path,
    message: 'more than one source variant defined',
  }));
  return [...several, ...partsOfFile(value, path), ...mountsBelowPath(value, path)];
}

function partsOfFile(value: Value, path: string): readonly Problem[] {
  const inlined = givenField(value, 'inline')?.value;
  const what =
    givenField(value, 'http') !== undefined
      ? (part: string) => `http source cannot be used with ${part}`
      : inlined !== undefined && givenField(inlined, 'file') !== undefined
        ? (part: string) => `inline file source cannot have ${part === 'path' ? 'a path' : part} set`
        : undefined;
  if (what === undefined) return [];
  return ['path', 'includes', 'excludes'].flatMap((part) => {
    const entry = givenField(value, part);
    if (entry === undefined || isEmpty(entry.value)) return [];
    return [{ position: entry.key.position, field: fieldPath(path, part), message: what(part) }];
  });
}

/** The files that are taken out of an image must not be mounted into it. */
function mountsBelowPath(value: Value, path: string): readonly Problem[] {
  const part = textOf(givenField(value, 'path')?.value)?.text.replace(/\/+$/, '') ?? '';
  const command = inner(inner(value, 'image'), 'cmd');
  const list = inner(command, 'mounts');
  if (part === '' || list?.kind !== 'list') return [];
  return list.items.flatMap((mount, index) => {
    const dest = textOf(inner(mount, 'dest'));
    if (dest === undefined || isExpandable(dest.text) || !`${dest.text}/`.startsWith(`${part}/`)) return [];
    const message = 'mount destination must not be a descendent of the target source path';
    const field = `${itemPath(`${path}.image.cmd.mounts`, index)}.dest`;
    return [{ position: dest.position, field, message }];
  });
}

function inner(value: Value | undefined, name: string): Value | undefined {
  return value === undefined ? undefined : givenField(value, name)?.value;
}

function textOf(value: Value | undefined) {
  return value?.kind === 'scalar' ? value : undefined;
}

/** A source, without what the place it stands in asks for. */
export const source: Decoder<Source> = alsoChecked(anySource, variantProblems);

/** A source that files are taken from. */
export const partedSource: Decoder<Source> = alsoChecked(source, (value, path) => {
  const entry = givenField(value, 'image');
  const part = givenField(value, 'path');
  if (entry === undefined || (part !== undefined && !isEmpty(part.value))) return [];
  return [{ position: entry.key.position, field: path, message: 'docker image source path cannot be empty' }];
});

/** What a source may be called: its files are below a directory of this name. */
export const sourceName: Decoder<string> = checked(string, (name) => {
  if (name.includes('/')) return `invalid source ${quote(name)}: source name must not contain path separator`;
  return ['', '.', '..'].includes(name) ? `invalid source ${quote(name)}: this cannot name a file` : undefined;
});

/** A base of a container image. */
export const imageOnly: Decoder<ImageSource> = (value, path) => {
  if (isNull(value)) return mismatch('an image source', value, path);
  const decoded = source(value, path);
  if (!decoded.ok) return decoded;
  return decoded.value.kind === 'image'
    ? accept(decoded.value)
    : reject(value.position, path, 'rootfs currently only supports image source types');
};

export const sources = withDefault(mapOf(partedSource, sourceName), new Map());
