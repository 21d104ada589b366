import type { Located, Position, Problem } from '../problems.ts';
import { plainText, plainValue, type PlainValue } from './scalar.ts';
import { fieldPath, itemPath, quote } from './text.ts';
import type { Entry, Value } from './tree.ts';

/** What a decoder finds: a value, or every problem that stands in its way. */
export type Decoded<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads a value of a document as a T. A decoder is a pure function and never throws; null stands for the empty list,
 * map or struct, as in Go.
 * @param path the field that the value belongs to, as problems name it.
 */
export type Decoder<T> = (value: Value, path: string) => Decoded<T>;

export function accept<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function reject(
  position: Position,
  field: string,
  message: string,
): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: [{ position, field, message }] };
}

/** All values if all were accepted, else all problems. */
export function collect<T>(results: readonly Decoded<T>[]): Decoded<readonly T[]> {
  const problems = results.flatMap((result) => (result.ok ? [] : result.problems));
  return problems.length > 0 || results.some((result) => !result.ok)
    ? { ok: false, problems }
    : accept(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

/** What a scalar stands for; undefined for a list or a map. */
export function scalarOf(value: Value): PlainValue | undefined {
  if (value.kind !== 'scalar') return undefined;
  return value.plain ? plainValue(value.text) : value.text;
}

export function isNull(value: Value): boolean {
  return scalarOf(value) === null;
}

/** Rejects a value that is not what was expected: `expected a list, found a string`. */
export function mismatch(expected: string, value: Value, path: string): { ok: false; problems: readonly Problem[] } {
  if (value.kind === 'invalid') return { ok: false, problems: [] };
  return reject(value.position, path, `expected ${expected}, found ${kindOf(value)}`);
}

function kindOf(value: Value): string {
  if (value.kind !== 'scalar') return `a ${value.kind}`;
  const plain = scalarOf(value);
  if (plain === null) return 'nothing';
  return typeof plain === 'string' ? `the text ${quote(shortened(plain))}` : value.text;
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** Text; a number or a boolean is taken as the text that Go prints for it, so versions are best quoted. */
export const string: Decoder<string> = (value, path) => {
  const plain = scalarOf(value);
  const text = plain === undefined ? undefined : plainText(plain);
  return text === undefined ? mismatch('text', value, path) : accept(text);
};

/** Text as it is written, quoted or not: `1.10` keeps its 0. */
export const written: Decoder<string> = (value, path) =>
  value.kind === 'scalar' && !isNull(value) ? accept(value.text) : mismatch('text', value, path);

/** `true` or `false`, also capitalised; `yes` and `on` are text. */
export const boolean: Decoder<boolean> = (value, path) => {
  const plain = scalarOf(value);
  return typeof plain === 'boolean' ? accept(plain) : mismatch('true or false', value, path);
};

/** A whole number within the range in which a double is exact. */
export const integer: Decoder<number> = (value, path) => {
  const plain = scalarOf(value);
  if (typeof plain !== 'bigint') return mismatch('a whole number', value, path);
  const number = Number(plain);
  return Number.isSafeInteger(number) ? accept(number) : reject(value.position, path, `${plain} is out of range`);
};

/** One of some words. */
export function oneOf<const T extends string>(words: readonly T[]): Decoder<T> {
  return (value, path) => {
    const word = words.find((candidate) => candidate === scalarOf(value));
    return word === undefined ? mismatch(`one of ${words.join(', ')}`, value, path) : accept(word);
  };
}

/** A list; a single value is not taken for a list of one. */
export function list<T>(of: Decoder<T>): Decoder<readonly T[]> {
  return numberedList(() => of);
}

/** A list whose items are read by their numbers, which count from 0. */
export function numberedList<T>(of: (index: number) => Decoder<T>): Decoder<readonly T[]> {
  return (value, path) => {
    if (isNull(value)) return accept([]);
    if (value.kind !== 'list') return mismatch(`a list${listHint(value)}`, value, path);
    return collect(value.items.map((item, index) => of(index)(item, itemPath(path, index))));
  };
}

function listHint(value: Value): string {
  return value.kind === 'scalar' && value.text.length <= 40 ? ` such as [${quote(value.text)}]` : '';
}

/** An entry of a map whose key keeps its place. */
export interface Keyed<T> {
  readonly key: Located<string>;
  readonly value: T;
}

/** The entries of a map, in the order of the document; of a key that is also merged the later entry wins. */
export function entriesOf<T>(of: Decoder<T>, key: Decoder<string> = string): Decoder<readonly Keyed<T>[]> {
  return (value, path) => {
    if (isNull(value)) return accept([]);
    if (value.kind !== 'map') return mismatch('a map', value, path);
    const entries = collect(value.entries.map((entry) => decodeEntry(entry, of, key, path)));
    if (!entries.ok) return entries;
    return accept([...new Map(entries.value.map((entry) => [entry.key.value, entry])).values()]);
  };
}

/** A map from names to values, in the order of the document. */
export function mapOf<T>(of: Decoder<T>, key: Decoder<string> = string): Decoder<ReadonlyMap<string, T>> {
  return mapped(entriesOf(of, key), (entries) => new Map(entries.map(({ key: name, value }) => [name.value, value])));
}

function decodeEntry<T>(entry: Entry, of: Decoder<T>, key: Decoder<string>, path: string): Decoded<Keyed<T>> {
  const name = key(entry.key, path);
  const text = name.ok ? name.value : scalarOf(entry.key);
  const value = of(entry.value, fieldPath(path, String(text)));
  if (name.ok && value.ok)
    return accept({ key: { value: name.value, position: entry.key.position }, value: value.value });
  return { ok: false, problems: [name, value].flatMap((decoded) => (decoded.ok ? [] : decoded.problems)) };
}

/** The same value, made into something else. */
export function mapped<T, U>(decoder: Decoder<T>, change: (value: T) => U): Decoder<U> {
  return (value, path) => {
    const decoded = decoder(value, path);
    return decoded.ok ? accept(change(decoded.value)) : decoded;
  };
}

/** What `parse` makes of the value; where it answers `{ problem }`, that is the problem of this field. */
export function parsed<T, U>(
  decoder: Decoder<T>,
  parse: (value: T) => { readonly value: U } | { readonly problem: string },
): Decoder<U> {
  return (value, path) => {
    const decoded = decoder(value, path);
    if (!decoded.ok) return decoded;
    const result = parse(decoded.value);
    return 'problem' in result ? reject(value.position, path, result.problem) : accept(result.value);
  };
}

/** The value, unless `problemOf` knows what is wrong with it. */
export function checked<T>(decoder: Decoder<T>, problemOf: (value: T) => string | undefined): Decoder<T> {
  return parsed(decoder, (value) => {
    const problem = problemOf(value);
    return problem === undefined ? { value } : { problem };
  });
}

/** The value together with its place in the file. */
export function located<T>(decoder: Decoder<T>): Decoder<Located<T>> {
  return (value, path) => mapped(decoder, (inner) => ({ value: inner, position: value.position }))(value, path);
}

/** The value, unless `problemsOf` finds faults in how it is written: they are told beside those that `decoder` finds. */
export function alsoChecked<T>(
  decoder: Decoder<T>,
  problemsOf: (value: Value, path: string) => readonly Problem[],
): Decoder<T> {
  return (value, path) => {
    const [decoded, problems] = [decoder(value, path), problemsOf(value, path)];
    if (problems.length === 0) return decoded;
    return { ok: false, problems: [...(decoded.ok ? [] : decoded.problems), ...problems] };
  };
}

/** Any value at all. */
export const anything: Decoder<Value> = accept;
