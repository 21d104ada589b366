import type { Architecture } from '../../core/architecture.ts';
import type { Problem } from '../../core/problems.ts';
import { accept, mapOf, scalarOf, type Decoded, type Decoder } from '../../core/yaml/decoder.ts';
import { decodeYaml, inOrder } from '../../core/yaml/document.ts';
import { optional, struct, withDefault } from '../../core/yaml/struct.ts';
import { fieldPath, nearestName, quote } from '../../core/yaml/text.ts';
import { plainText } from '../../core/yaml/scalar.ts';
import type { Value } from '../../core/yaml/tree.ts';
import { ruleProblems } from './allowed-rules.ts';
import { isKnownArgument } from './build-arguments.ts';
import { spec as specDecoder } from './parse.ts';
import type { Spec } from './spec.ts';
import { substitute } from './substitute.ts';
import { unbuildable } from './unbuildable.ts';

export interface LintRequest {
  readonly text: string;
  /** Name of the file, for problems. */
  readonly file: string;
  /** The target that the spec is looked at for; undefined: for all at once. */
  readonly target: string | undefined;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly architecture: Architecture;
  /** The names of all targets there are. */
  readonly targets: readonly string[];
  /** Whether nothing but an extension is made of it: then it is not told what packages would need. */
  readonly extensionOnly?: boolean;
}

/** What there is to say about a spec, each in the order of the file. */
export interface LintReport {
  /** What makes the spec unusable: here as for Dalec, but for what only we read (`x-sysext`). */
  readonly errors: readonly Problem[];
  /** What is probably not meant. */
  readonly warnings: readonly Problem[];
  /** What is right and cannot be built by this version. */
  readonly notes: readonly Problem[];
  /** Name and version of the extension that it makes, as far as they are known; empty where they are not given. */
  readonly makes?: { readonly name: string; readonly version: string };
}

/** Reads the document or value that is the spec. */
type Reading = <T>(decoder: Decoder<T>) => Decoded<T>;

/** Everything that can be said about a spec without fetching anything. */
export function lintSpec(request: LintRequest): LintReport {
  const { text, file } = request;
  return lintReport(request, (decoder) => decodeYaml(text, file, decoder));
}

/**
 * The same about a spec that is a value of another document: `text` is that of the whole document.
 * @param path of the value in it.
 */
export function lintInlineSpec(value: Value, path: string, request: LintRequest): LintReport {
  return lintReport(request, (decoder) => {
    const decoded = decoder(value, path);
    return decoded.ok ? decoded : { ok: false, problems: inOrder(decoded.problems, request.text) };
  });
}

function lintReport(request: LintRequest, read: Reading): LintReport {
  const { text } = request;
  const spelling = spellingWarnings(read);
  const decoded = read(specDecoder);
  if (!decoded.ok) return { errors: decoded.problems, warnings: inOrder(spelling, text), notes: [] };
  const spec = decoded.value;
  const expanded = expansionOf(spec, request);
  const unexpanded = expanded.ok ? [] : expanded.problems;
  return {
    errors: inOrder([...unknownArguments(spec, request), ...unexpanded, ...ruleProblems(spec)], text),
    warnings: inOrder([...spelling, ...warnings(spec, request)], text),
    notes: inOrder(notes(expanded.ok ? expanded.value : spec, request), text),
    ...(expanded.ok ? { makes: identityOf(expanded.value) } : {}),
  };
}

function identityOf({ name, version, revision }: Spec): NonNullable<LintReport['makes']> {
  const release = revision.value === '' ? '1' : revision.value;
  return { name, version: version.value === '' ? '' : `${version.value}-${release}` };
}

function expansionOf(spec: Spec, { buildArguments: given, target, architecture }: LintRequest) {
  return substitute(spec, { given, target, architecture });
}

function unknownArguments(spec: Spec, { buildArguments }: LintRequest): readonly Problem[] {
  return Object.keys(buildArguments)
    .filter((name) => !isKnownArgument(name) && !spec.args.has(name))
    .map((name) => ({ position: spec.position, field: 'args', message: `unknown arg: ${quote(name)}` }));
}

function warnings(spec: Spec, { targets, target, extensionOnly = false }: LintRequest): readonly Problem[] {
  return [
    ...(extensionOnly ? [] : missingFields(spec)),
    ...Array.from(spec.targets).flatMap(([name, { position }]) => {
      const message = strangeName('there is no target', name, targets);
      return message === undefined ? [] : [{ position, field: fieldPath('targets', name), message }];
    }),
    ...(target === undefined || targets.includes(target)
      ? []
      : [{ position: spec.position, field: '', message: strangeName('there is no target', target, targets) ?? '' }]),
  ];
}

/** What building a package of the spec asks for; a sysext made of packages does without. */
function missingFields(spec: Spec): readonly Problem[] {
  const given = { ...spec, version: spec.version.value, revision: spec.revision.value };
  const needed = {
    name: 'rpm or deb packages',
    version: 'rpm or deb packages',
    revision: 'rpm packages',
    description: 'rpm packages',
    license: 'rpm packages',
    packager: 'deb packages',
  } as const;
  const names = Object.keys(needed) as (keyof typeof needed)[];
  return names
    .filter((name) => given[name] === '')
    .map((name) => ({
      position: spec.position,
      field: name,
      message: `missing required field: Dalec makes no ${needed[name]} without it`,
    }));
}

function strangeName(what: string, name: string, known: readonly string[]): string | undefined {
  if (known.includes(name)) return undefined;
  const nearest = nearestName(name, known);
  return `${what} ${quote(name)}${nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`}`;
}

/** What cannot be built for the target, or for any of those that the spec has a word for; each thing once. */
function notes(spec: Spec, { target, targets }: LintRequest): readonly Problem[] {
  const mentioned = [undefined, ...[...spec.targets.keys()].filter((name) => targets.includes(name))];
  const all = (target === undefined ? mentioned : [target]).flatMap((name) => unbuildable(spec, name));
  const told = new Map(all.map((problem) => [JSON.stringify(problem), problem]));
  // That a name or a version is missing is a warning, whoever builds.
  return [...told.values()].filter(({ field }) => field !== 'name' && field !== 'version');
}

/** What a number in a field of text loses by being one: `version: 1.10` is "1.1". */
const respelled: Decoder<readonly Problem[]> = (value, path) => accept(respellings(value, path));

function respellings(value: Value, field: string): readonly Problem[] {
  const plain = scalarOf(value);
  if (value.kind !== 'scalar' || plain === undefined || plain === null || typeof plain === 'string') return [];
  const read = plainText(plain);
  if (read === undefined || read === value.text) return [];
  const message = `${value.text} without quotes is read as ${quote(read)}: write "${value.text}"`;
  return [{ position: value.position, field, message }];
}

const spellings = struct(
  {
    version: optional(respelled),
    revision: optional(respelled),
    args: withDefault(mapOf(respelled), new Map()),
  },
  { others: true },
);

function spellingWarnings(read: Reading): readonly Problem[] {
  const decoded = read(spellings);
  if (!decoded.ok) return [];
  const { version = [], revision = [], args } = decoded.value;
  return [...version, ...revision, ...[...args.values()].flat()];
}
