import { fieldPath, itemPath } from './yaml/text.ts';

/**
 * Reads a value of a JSON document as a T, or throws a JsonProblem. Fields that nothing asks for are passed over, as
 * formats on the network want it.
 * @param path the field that the value belongs to, as problems name it.
 */
export type JsonDecoder<T> = (value: unknown, path: string) => T;

/** What is wrong with a document, in words. */
class JsonProblem extends Error {}

/** Reads a document. Whatever it holds, nothing is thrown. */
export function decodeJson<T>(
  text: string,
  decoder: JsonDecoder<T>,
): { readonly value: T } | { readonly problem: string } {
  try {
    return { value: decoder(JSON.parse(text), '') };
  } catch (error) {
    if (error instanceof JsonProblem) return { problem: error.message };
    if (error instanceof SyntaxError || error instanceof RangeError) return { problem: 'it is no JSON' };
    throw error;
  }
}

function fail(path: string, expected: string): never {
  throw new JsonProblem(path === '' ? `it is not ${expected}` : `${path} is not ${expected}`);
}

/** Text of at most so many characters, none of which a terminal or a header would act on. */
export function jsonText(longest = 4096): JsonDecoder<string> {
  return (value, path) =>
    typeof value === 'string' && value.length <= longest && !/\p{Cc}/u.test(value) ? value : fail(path, 'text');
}

/** Text of one form. */
export function jsonMatch(form: RegExp, what: string, longest?: number): JsonDecoder<string> {
  const text = jsonText(longest);
  return (value, path) => {
    const found = text(value, path);
    return form.test(found) ? found : fail(path, what);
  };
}

/** One of some texts. */
export function jsonOneOf<T extends string>(known: readonly T[], what: string): JsonDecoder<T> {
  return (value, path) => known.find((one) => one === value) ?? fail(path, what);
}

/** A whole number that is not negative, within the range in which a double is exact. */
export const jsonCount: JsonDecoder<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail(path, 'a count');

/** A list of at most so many values. */
export function jsonList<T>(of: JsonDecoder<T>, most: number): JsonDecoder<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) return fail(path, 'a list');
    if (value.length > most) return fail(path, `a list of at most ${most}`);
    return value.map((item: unknown, index) => of(item, itemPath(path, index)));
  };
}

/** Values by their names, at most so many. */
export function jsonMap<T>(of: JsonDecoder<T>, most: number): JsonDecoder<ReadonlyMap<string, T>> {
  return (value, path) => {
    const entries = Object.entries(objectOf(value, path));
    if (entries.length > most) return fail(path, `a map of at most ${most}`);
    return new Map(entries.map(([name, item]) => [name, of(item, fieldPath(path, name))]));
  };
}

/** A value that may be missing, or null: what holds then. */
export function jsonOptional<T, U>(of: JsonDecoder<T>, otherwise: U): JsonDecoder<T | U> {
  return (value, path) => (value === undefined || value === null ? otherwise : of(value, path));
}

/** An object with fields of its own; what it inherits is none. */
export function jsonStruct<F extends Readonly<Record<string, JsonDecoder<unknown>>>>(
  fields: F,
): JsonDecoder<{ readonly [K in keyof F]: ReturnType<F[K]> }> {
  return (value, path) => {
    const object = objectOf(value, path);
    const read = Object.entries(fields).map(([name, of]) => [
      name,
      of(Object.hasOwn(object, name) ? object[name] : undefined, fieldPath(path, name)),
    ]);
    return Object.fromEntries(read) as { readonly [K in keyof F]: ReturnType<F[K]> };
  };
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(path, 'an object');
  return value as Record<string, unknown>;
}

/** The value, where `problemOf` finds nothing wrong with it. */
export function jsonChecked<T>(of: JsonDecoder<T>, problemOf: (value: T) => string | undefined): JsonDecoder<T> {
  return (value, path) => {
    const read = of(value, path);
    const problem = problemOf(read);
    if (problem !== undefined) throw new JsonProblem(path === '' ? problem : `${path}: ${problem}`);
    return read;
  };
}
