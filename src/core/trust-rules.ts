import { matchesGlob, isWithin, narrowness, placePattern } from './place.ts';
import type { Problem } from './problems.ts';
import { alsoChecked, checked, list, mapped, oneOf, string, type Decoder } from './yaml/decoder.ts';
import { absentOr, givenField, givenFields, required, struct } from './yaml/struct.ts';
import { fieldPath, quote } from './yaml/text.ts';
import { keyName, type Value } from './yaml/tree.ts';

/** Whom this host believes in one place, about extensions of some names. */
export interface TrustRule {
  /** A place and what is below it; `*` stands for any characters but `/`. */
  readonly place: string;
  /** Globs. */
  readonly names: readonly string[];
  /** Names of key files; undefined where unsigned images are taken. */
  readonly keys: readonly string[] | undefined;
  /** The last day on which it holds, as `2027-01-31`. */
  readonly until?: string;
}

/** The endings of key files, and what they hold. */
export const keyEndings = { '.asc': 'openpgp', '.gpg': 'openpgp', '.pub': 'cosign' } as const;

export type KeyKind = (typeof keyEndings)[keyof typeof keyEndings];

/** What kind of key a file holds, by its name. */
export function kindOfKey(file: string): KeyKind | undefined {
  const [, kind] = Object.entries(keyEndings).find(([ending]) => file.endsWith(ending)) ?? [];
  return kind;
}

/**
 * The one rule that counts for an extension of a place: of those that match, the one with the narrowest place, of those
 * the one with the narrowest name, of those the last. So what is said of a place in general never adds to what is said of
 * a part of it.
 */
export function ruleFor(
  rules: readonly TrustRule[],
  { place, name }: { readonly place: string; readonly name: string },
): TrustRule | undefined {
  return rules
    .filter((rule) => isWithin(place, rule.place) && rule.names.some((glob) => matchesGlob(name, glob)))
    .reduce<TrustRule | undefined>(
      (best, rule) => (best === undefined || compareNarrowness(rule, best, name) >= 0 ? rule : best),
      undefined,
    );
}

function compareNarrowness(a: TrustRule, b: TrustRule, name: string): number {
  return narrowness(a.place) - narrowness(b.place) || narrownessFor(a, name) - narrownessFor(b, name);
}

function narrownessFor({ names }: TrustRule, name: string): number {
  return Math.max(...names.filter((glob) => matchesGlob(name, glob)).map(narrowness));
}

const nameGlob = checked(string, (glob) =>
  /^[A-Za-z0-9._+*-]+$/.test(glob) ? undefined : `${quote(glob)} is no name of an extension, with * for any characters`,
);

const keyFile = checked(string, (file) => {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._+@-]*$/.test(file)) return `${quote(file)} is no name of a file in keys/`;
  return kindOfKey(file) === undefined ? `${quote(file)} must end in .pub (cosign), .asc or .gpg (OpenPGP)` : undefined;
});

const day = checked(string, (text) => {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
  // Node moves the 30th of February to March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
    ? undefined
    : `${quote(text)} is no day such as 2027-01-31`;
});

const notEmpty = <T>(of: Decoder<readonly T[]>, message: string): Decoder<readonly T[]> =>
  checked(of, (items) => (items.length === 0 ? message : undefined));

const fields = struct({
  place: required(placePattern),
  names: absentOr(notEmpty(list(nameGlob), 'it would hold for no extension: leave it out for all')),
  keys: absentOr(notEmpty(list(keyFile), 'it names no key: write `unsigned: allowed` where none is needed')),
  unsigned: absentOr(oneOf(['allowed'])),
  until: absentOr(day),
});

const rule: Decoder<TrustRule> = mapped(alsoChecked(fields, contradictions), ({ place, names, keys, until }) => ({
  place,
  names: names ?? ['*'],
  keys,
  ...(until === undefined ? {} : { until }),
}));

/** It is either the one or the other. */
function contradictions(value: Value, path: string): readonly Problem[] {
  const [first, second] = givenFields(value, ['keys', 'unsigned']);
  if (first === undefined) {
    const message = 'say whose signature is needed: `keys: [FILE]`, or `unsigned: allowed` where none is';
    return value.kind === 'map' && givenField(value, 'place') !== undefined
      ? [{ position: value.position, field: path, message }]
      : [];
  }
  if (second === undefined) return [];
  const message = 'signatures are either needed or not: leave out `keys` or `unsigned`';
  return [{ position: second.key.position, field: fieldPath(path, keyName(second.key) ?? ''), message }];
}

/** Rules of trust, in the form that docs/trust.md describes. */
export const trustRules: Decoder<readonly TrustRule[]> = list(rule);
