import type { Located, Problem } from '../problems.ts';
import { accept, collect, isNull, located, mismatch, reject, string, type Decoded, type Decoder } from './decoder.ts';
import { fieldPath, nearestName, quote } from './text.ts';
import { duplicateKey, keyName, type Entry, type Value } from './tree.ts';

/**
 * One field of a struct: reads its entry, or says what holds where there is none.
 * @param parent the struct itself, the place of a problem with a field that is missing.
 */
export type Field<T> = (entry: Entry | undefined, parent: Value, path: string) => Decoded<T>;

type Fields = Readonly<Record<string, Field<unknown>>>;

/** The type that a struct of these fields is read as. */
export type StructOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A field that may be absent or null: undefined then. */
export function optional<T>(decoder: Decoder<T>): Field<T | undefined> {
  return (entry, _parent, path) =>
    entry === undefined || isNull(entry.value) ? accept(undefined) : decoder(entry.value, path);
}

/** A field that may be absent, but not null, for what could be half-written: undefined where it is absent. */
export function absentOr<T>(decoder: Decoder<T>): Field<T | undefined> {
  return (entry, _parent, path) => {
    if (entry === undefined) return accept(undefined);
    if (!isNull(entry.value)) return decoder(entry.value, path);
    return reject(entry.key.position, path, 'it has no value: write one, or leave the field out');
  };
}

/** A field with a value for where it is absent or null. */
export function withDefault<T>(decoder: Decoder<T>, value: NoInfer<T>): Field<T> {
  return (entry, _parent, path) =>
    entry === undefined || isNull(entry.value) ? accept(value) : decoder(entry.value, path);
}

/** The same with the place of the value, which is that of the struct where the field is absent. */
export function locatedOr<T>(decoder: Decoder<T>, value: NoInfer<T>): Field<Located<T>> {
  return (entry, parent, path) =>
    entry === undefined || isNull(entry.value)
      ? accept({ value, position: (entry?.value ?? parent).position })
      : located(decoder)(entry.value, path);
}

/** A field that must be there, and not null. */
export function required<T>(decoder: Decoder<T>): Field<T> {
  return (entry, parent, path) => {
    if (entry !== undefined && !isNull(entry.value)) return decoder(entry.value, path);
    return reject(entry?.key.position ?? parent.position, path, 'this field is required');
  };
}

/** A field that must be there with some text in it; `message` says so in the words of the format. */
export function requiredText(message: string, decoder: Decoder<string> = string): Field<Located<string>> {
  return (entry, parent, path) => {
    if (entry === undefined || isNull(entry.value)) return reject((entry?.key ?? parent).position, path, message);
    const text = located(decoder)(entry.value, path);
    return text.ok && text.value.value === '' ? reject(entry.value.position, path, message) : text;
  };
}

export interface StructOptions {
  /** Pass over fields whose name begins with `x-` or `X-`, where the format has them for the writer's own use. */
  readonly extensions?: boolean;
  /** Pass over all fields that are not known, where only some are of interest. */
  readonly others?: boolean;
}

/** The entry of a field that is there and not null. */
export function givenField(value: Value, name: string): Entry | undefined {
  if (value.kind !== 'map') return undefined;
  return value.entries.find(({ key, value: inner }) => keyName(key) === name && !isNull(inner));
}

/** The entries of some fields that are there and not null, in the order of the document. */
export function givenFields(value: Value, names: readonly string[]): readonly Entry[] {
  return names
    .flatMap((name) => givenField(value, name) ?? [])
    .sort(({ key: { position: a } }, { key: { position: b } }) => a.line - b.line || a.column - b.column);
}

/** A map with known fields; any other field is a problem, and so is a field that is both merged and written out. */
export function struct<F extends Fields>(fields: F, options: StructOptions = {}): Decoder<StructOf<F>> {
  return (value, path) => {
    if (value.kind !== 'map' && !isNull(value)) return mismatch('a map', value, path);
    const { found, problems } = sortEntries(value.kind === 'map' ? value.entries : [], fields, options, path);
    const values = collect(
      Object.entries(fields).map(([name, field]) => named(name, field(found.get(name), value, fieldPath(path, name)))),
    );
    if (!values.ok || problems.length > 0) {
      return { ok: false, problems: [...problems, ...(values.ok ? [] : values.problems)] };
    }
    return accept(Object.fromEntries(values.value) as StructOf<F>);
  };
}

function named(name: string, decoded: Decoded<unknown>): Decoded<readonly [string, unknown]> {
  return decoded.ok ? accept([name, decoded.value]) : decoded;
}

/** The entry of each known field, and the problems with all others. */
function sortEntries(
  entries: readonly Entry[],
  fields: Fields,
  options: StructOptions,
  path: string,
): { readonly found: ReadonlyMap<string, Entry>; readonly problems: readonly Problem[] } {
  const found = new Map<string, Entry>();
  const problems: Problem[] = [];
  for (const entry of entries) {
    const name = keyName(entry.key);
    const problem = Object.hasOwn(fields, name ?? '')
      ? problemOfRepetition(entry, name ?? '', found)
      : problemOfStranger(entry, name, fields, options);
    if (problem !== undefined) problems.push({ position: entry.key.position, field: path, message: problem });
    else if (name !== undefined) found.set(name, entry);
  }
  return { found, problems };
}

/** Keys that are written twice are a problem of any map; here it is about those that a merge key brings. */
function problemOfRepetition(entry: Entry, name: string, found: ReadonlyMap<string, Entry>): string | undefined {
  const other = found.get(name);
  const merged = entry.merged || other?.merged === true;
  return other !== undefined && merged ? `${duplicateKey(name)}: it is merged and written out as well` : undefined;
}

function problemOfStranger(
  { key }: Entry,
  name: string | undefined,
  fields: Fields,
  { extensions = false, others = false }: StructOptions,
): string | undefined {
  if (key.kind === 'invalid' || others) return undefined;
  if (name === undefined || isNull(key)) return 'the name of a field must be text';
  return extensions && /^[xX]-/.test(name) ? undefined : unknownField(name, Object.keys(fields));
}

function unknownField(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return `unknown field ${quote(name)}${nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`}`;
}
