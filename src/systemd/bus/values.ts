/**
 * Values of D-Bus. What comes from the other side is `unknown` until a decoder has looked at it: the signature of a
 * message must be the one that its decoder has, and each value must be of its type.
 */

/** A value that brings its type along, where a signature says `v`. */
export class Variant {
  readonly signature: string;
  readonly value: unknown;

  constructor(signature: string, value: unknown) {
    this.signature = signature;
    this.value = value;
  }
}

/** How a value of one D-Bus type becomes one of ours. */
export interface Decoder<out T> {
  readonly signature: string;
  /** @throws WrongTypeError */
  decode(value: unknown): T;
}

/** The other side sent another type than the one that it must. */
export class WrongTypeError extends Error {
  override readonly name = 'WrongTypeError';

  constructor(expected: string, found: string) {
    super(`expected the type "${expected}", found "${found}"`);
  }
}

type Decoded<D> = D extends Decoder<infer T> ? T : never;
type DecodedAll<D extends readonly Decoder<unknown>[]> = { [Index in keyof D]: Decoded<D[Index]> };

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBigInt = (value: unknown): value is bigint => typeof value === 'bigint';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';

function simple<T>(signature: string, isOne: (value: unknown) => value is T): Decoder<T> {
  return {
    signature,
    decode: (value) => {
      if (isOne(value)) return value;
      throw new WrongTypeError(signature, typeof value);
    },
  };
}

export const text = simple('s', isText);
export const objectPath = simple('o', isText);
export const flag = simple('b', isBoolean);
export const int32 = simple('i', isNumber);
export const uint32 = simple('u', isNumber);
export const uint64 = simple('t', isBigInt);

export const bytes = simple('ay', (value): value is Buffer => Buffer.isBuffer(value));

/** The same type, as something else. */
export function mapped<T, U>(of: Decoder<T>, change: (value: T) => U): Decoder<U> {
  return { signature: of.signature, decode: (value) => change(of.decode(value)) };
}

export function array<T>(of: Decoder<T>): Decoder<T[]> {
  const signature = `a${of.signature}`;
  return { signature, decode: (value) => members(value, signature).map((member) => of.decode(member)) };
}

export function struct<const D extends readonly Decoder<unknown>[]>(...decoders: D): Decoder<DecodedAll<D>> {
  const inside = several(...decoders);
  return { signature: `(${inside.signature})`, decode: (value) => inside.decode(value) };
}

/** A dictionary by names: a map, since what the other side calls its entries must not mean anything here. */
export function dictionary<T>(of: Decoder<T>): Decoder<ReadonlyMap<string, T>> {
  const signature = `a{s${of.signature}}`;
  return {
    signature,
    decode: (value) => {
      if (typeof value !== 'object' || value === null) throw new WrongTypeError(signature, typeof value);
      return new Map(Object.entries(value).map(([name, entry]) => [name, of.decode(entry)]));
    },
  };
}

export const variant: Decoder<Variant> = {
  signature: 'v',
  decode: (value) => {
    if (typeof value === 'object' && value !== null && 'signature' in value && 'value' in value) {
      if (isText(value.signature)) return new Variant(value.signature, value.value);
    }
    throw new WrongTypeError('v', typeof value);
  },
};

/** A message without arguments. */
export const nothing: Decoder<undefined> = { signature: '', decode: () => undefined };

/** A message with one argument. */
export function single<T>(of: Decoder<T>): Decoder<T> {
  return { signature: of.signature, decode: (value) => of.decode(members(value, of.signature)[0]) };
}

/** A message with these arguments. */
export function several<const D extends readonly Decoder<unknown>[]>(...decoders: D): Decoder<DecodedAll<D>> {
  const signature = decoders.map((decoder) => decoder.signature).join('');
  return {
    signature,
    decode: (value) => {
      const values = members(value, signature);
      return decoders.map((decoder, index) => decoder.decode(values[index])) as DecodedAll<D>;
    },
  };
}

function members(value: unknown, signature: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new WrongTypeError(signature, typeof value);
}

/** Decodes something that says its own signature: a message, or a variant. */
export function decodeAs<T>(decoder: Decoder<T>, signature: string, value: unknown): T {
  if (signature !== decoder.signature) throw new WrongTypeError(decoder.signature, signature.slice(0, 255));
  return decoder.decode(value);
}

/** The properties of an object, as org.freedesktop.DBus.Properties gives them. */
export type Properties = ReadonlyMap<string, Variant>;

export const properties: Decoder<Properties> = dictionary(variant);

/** One of the properties; undefined where the object has none of this name. */
export function property<T>(all: Properties, name: string, of: Decoder<T>): T | undefined {
  const found = all.get(name);
  return found === undefined ? undefined : decodeAs(of, found.signature, found.value);
}
