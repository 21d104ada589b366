import { allowList } from '../../core/contents/allow.ts';
import { healthList } from '../../core/health-list.ts';
import { isPinned, parseImageReference, withDetails, type ImageReference } from '../../core/image-reference.ts';
import type { Located, Problem } from '../../core/problems.ts';
import { parseVersionRange } from '../../core/version-range.ts';
import {
  accept,
  alsoChecked,
  anything,
  boolean,
  checked,
  entriesOf,
  isNull,
  list,
  located,
  mapOf,
  mapped,
  mismatch,
  oneOf,
  parsed,
  reject,
  string,
  written,
  type Decoded,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { decodeYaml } from '../../core/yaml/document.ts';
import { absentOr, givenField, givenFields, optional, struct, type Field } from '../../core/yaml/struct.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';
import { isEmpty, keyName, type Value } from '../../core/yaml/tree.ts';
import { extensionName } from '../settings-file.ts';
import { extensionStates, type ExtensionSource, type FleetEntry, type NamedEntry } from './drop-in.ts';

const absolutePath = checked(string, (path) => {
  if (/\p{C}/u.test(path)) return `${quote(path)}: no control characters are allowed in a path`;
  if (!path.startsWith('/')) return `${quote(path)} is not an absolute path: begin with /`;
  return path.split('/').includes('..') ? `${quote(path)}: no .. is allowed in the path` : undefined;
});

const specPath: Decoder<ExtensionSource> = mapped(absolutePath, (path) => ({ kind: 'spec', path }));

const spec: Decoder<ExtensionSource> = (value, path) => {
  if (value.kind === 'map') return accept({ kind: 'inline-spec', spec: value });
  return value.kind === 'list' ? mismatch('the path of a spec, or a spec', value, path) : specPath(value, path);
};

const image: Decoder<ExtensionSource> = mapped(absolutePath, (path) => ({ kind: 'image', path }));

const from: Decoder<ImageReference> = parsed(string, parseImageReference);

/** One pattern, or several. */
const patterns: Decoder<readonly string[]> = (value, path) =>
  value.kind === 'list' ? list(string)(value, path) : mapped(string, (pattern) => [pattern])(value, path);

const targetName = checked(string, (name) =>
  /^[a-z0-9][a-z0-9._-]*$/.test(name) ? undefined : `${quote(name)} cannot name a target: a-z 0-9 . _ - only`,
);

const argumentName = checked(string, (name) =>
  /^[A-Za-z_]\w*$/.test(name) ? undefined : `${quote(name)} cannot name a build argument: letters, digits and _ only`,
);

/** The fields that say where the image comes from: an extension has one of them. */
const sourceFields = ['spec', 'image', 'from'] as const;

/** The fields that say more of what `from` names: they stand beside it. */
const fromFields = ['match', 'sha256'] as const;

/** The fields that say how a spec is built. */
const buildFields = ['target', 'args'] as const;

const fields = struct({
  spec: absentOr(located(spec)),
  image: absentOr(located(image)),
  from: absentOr(located(from)),
  match: absentOr(patterns),
  sha256: absentOr(written),
  version: absentOr(located(parsed(written, parseVersionRange))),
  target: absentOr(located(targetName)),
  args: absentOr(mapOf(located(written), argumentName)),
  allow: absentOr(located(allowList)),
  health: absentOr(located(healthList)),
  hold: absentOr(located(boolean)),
  state: absentOr(located(oneOf(extensionStates))),
});

const entry: Decoder<FleetEntry> = mapped(
  alsoChecked(fields, contradictions),
  ({ spec: built, image: taken, from: fetched, match, sha256, ...rest }) =>
    withoutAbsent({ source: built ?? taken ?? withReference(fetched, { match, sha256 }), ...rest }),
);

function withReference(
  from: Located<ImageReference> | undefined,
  details: Parameters<typeof withDetails>[1],
): Located<ExtensionSource> | undefined {
  if (from === undefined) return undefined;
  const detailed = withDetails(from.value, details);
  const reference = 'value' in detailed ? detailed.value : from.value;
  return { value: { kind: 'reference', reference }, position: from.position };
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutAbsent<T extends object>(all: T): Given<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** What does not go together within one file. */
function contradictions(value: Value, path: string): readonly Problem[] {
  if (isEmpty(value)) return [{ position: value.position, field: path, message: nothingSaid }];
  const [source, ...others] = givenFields(value, sourceFields);
  const first = source === undefined ? undefined : keyName(source.key);
  return [
    ...others.map(({ key }) => ({
      position: key.position,
      field: fieldPath(path, keyName(key) ?? ''),
      message: `an extension has one source, and ${first ?? ''} is given`,
    })),
    ...(first === undefined || first === 'spec' ? [] : buildProblems(value, path, first)),
    ...pinnedProblems(value, path),
    ...detailProblems(value, path),
  ];
}

/** What does not go with the reference that it stands beside. */
function detailProblems(value: Value, path: string): readonly Problem[] {
  const reference = referenceIn(value);
  return givenFields(value, fromFields).flatMap(({ key, value: said }) => {
    const name = keyName(key) ?? '';
    const problem = (message: string) => [{ position: said.position, field: fieldPath(path, name), message }];
    if (givenField(value, 'from') === undefined) return problem(`${name} says more of \`from\`: write it beside that`);
    const details = name === 'match' ? { match: textsIn(said) } : { sha256: textsIn(said)[0] };
    const detailed = reference === undefined ? undefined : withDetails(reference, details);
    return detailed !== undefined && 'problem' in detailed ? problem(detailed.problem) : [];
  });
}

function referenceIn(value: Value): ImageReference | undefined {
  const reference = givenField(value, 'from');
  if (reference?.value.kind !== 'scalar') return undefined;
  const found = parseImageReference(reference.value.text);
  return 'value' in found ? found.value : undefined;
}

function textsIn(value: Value): readonly string[] {
  return (value.kind === 'list' ? value.items : [value]).flatMap((item) => (item.kind === 'scalar' ? [item.text] : []));
}

const nothingSaid = 'nothing is said of it: give it a spec, an image or from';

function buildProblems(value: Value, path: string, source: string): readonly Problem[] {
  return givenFields(value, buildFields).map(({ key }) => {
    const name = keyName(key) ?? '';
    return { position: key.position, field: fieldPath(path, name), message: onlyForSpecs(name, source) };
  });
}

/** The message for a field that is of use for a spec alone. */
export function onlyForSpecs(field: string, source: string): string {
  return `${field} is for what is built of a spec, and this extension has ${source}`;
}

function pinnedProblems(value: Value, path: string): readonly Problem[] {
  const [reference, version] = [referenceIn(value), givenField(value, 'version')];
  if (reference === undefined || version === undefined || !isPinned(reference)) return [];
  return [{ position: version.key.position, field: fieldPath(path, 'version'), message: nothingToChoose }];
}

/** The message for a range beside a reference to one image. */
export const nothingToChoose =
  'the reference names one image, by a tag, a digest or as a file: leave out either that or the version';

const extensions: Field<readonly NamedEntry[]> = (found, parent, path) => {
  if (found === undefined || isNull(found.value)) {
    const message = 'the file names no extension: where that is meant, write "extensions: {}"';
    return reject((found?.key ?? parent).position, path, message);
  }
  const entries = entriesOf(entry, extensionName)(found.value, path);
  return entries.ok ? accept(entries.value.map(({ key, value }) => ({ name: key, entry: value }))) : entries;
};

const dropIn = mapped(struct({ extensions }), (file) => file.extensions);

/**
 * Reads a drop-in of extensions.d without a throw.
 * @param file its name, for problems.
 */
export function decodeDropIn(text: string, file: string): Decoded<readonly NamedEntry[]> {
  const decoded = decodeYaml(text, file, dropIn);
  return decoded.ok ? decoded : { ok: false, problems: decoded.problems.map(withHint) };
}

/** In YAML `>`, `*` and `!` begin something else than a range. */
function withHint(problem: Problem): Problem {
  const unquoted = /^\s*(?:[^#]*[{,\s])?version:\s*([>*!].*)$/.exec(problem.excerpt ?? '');
  if (problem.field !== '' || unquoted === null) return problem;
  return { ...problem, message: `${problem.message}; a range that begins so needs quotes: version: ">=1.2 <2"` };
}

const mentions = mapped(struct({ extensions: optional(mapOf(anything)) }, { others: true }), (file) => [
  ...(file.extensions?.keys() ?? []),
]);

/** The extensions that a drop-in with problems is about, as far as can be told. */
export function mentionedIn(text: string): readonly string[] {
  const decoded = decodeYaml(text, '', mentions);
  return decoded.ok ? decoded.value : [];
}
