import {
  accept,
  checked,
  integer,
  isNull,
  list,
  located,
  mapOf,
  string,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { reject } from '../../core/yaml/decoder.ts';
import { optional, withDefault, type Field } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import type { Environment, Text } from './sources.ts';

/** Text that is empty where the spec does not give it. */
export const word: Field<string> = withDefault(string, '');

export const words: Field<readonly string[]> = withDefault(list(string), []);

/** Text that keeps its place. */
export const text: Decoder<Text> = located(string);

export const texts: Field<readonly Text[]> = withDefault(list(text), []);

/** The value of a name in a map of texts, where null is empty text. */
export const textOrNull: Decoder<Text> = (value, path) =>
  isNull(value) ? accept({ value: '', position: value.position }) : text(value, path);

export const textMap: Field<ReadonlyMap<string, Text>> = withDefault(mapOf(textOrNull), new Map());

export const environment: Field<Environment> = textMap;

/** A count that is given without a sign. */
export function count(what: string): Decoder<number> {
  return checked(integer, (number) => (number < 0 ? `${what} ${number} must be non-negative` : undefined));
}

/**
 * The bits of chmod, as a number: `0644` and `0o644` are octal. Dalec takes the digits of a text for decimal ones, which
 * nobody means, so text is refused.
 */
export const fileMode: Decoder<number> = (value, path) => {
  const mode = integer(value, path);
  if (mode.ok && (mode.value < 0 || mode.value > 0o7777)) {
    return reject(value.position, path, `${mode.value} is no file mode: write octal digits such as 0644`);
  }
  if (mode.ok || value.kind !== 'scalar' || value.plain) return mode;
  return reject(
    value.position,
    path,
    `${quote(value.text)} is text, and the mode of a file is a number: leave out the quotes`,
  );
};

export const mode: Field<number | undefined> = optional(fileMode);
