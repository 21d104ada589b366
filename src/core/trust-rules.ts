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
  /** Who may have signed instead, with certificates of Sigstore. */
  readonly identities?: readonly SigningIdentity[];
  /** The last day on which it holds, as `2027-01-31`. */
  readonly until?: string;
}

/** Someone to whom an authority of Sigstore gives certificates. */
export interface SigningIdentity {
  /** What the certificate is for, with `*` for any characters but `/`: a mail address, the address of a workflow. */
  readonly subject: string;
  /** Who knows the subject: the address of a service of OpenID Connect. */
  readonly issuer: string;
  /** Name of the file in `keys` that has the authorities. */
  readonly root: string;
}

/** Someone who signs with certificates, as messages name them. */
export function signerWords({ subject, issuer }: Pick<SigningIdentity, 'subject' | 'issuer'>): string {
  return `${subject}, known to ${issuer}`;
}

/** The ending of files that have authorities of Sigstore. */
export const rootEnding = '.json';

/** Whether the subject of a certificate is one that a rule means: as many parts, each as it is there. */
export function isSubject(subject: string, wanted: string): boolean {
  if (/[\s\p{C}]/u.test(subject)) return false;
  const [parts, globs] = [subject.split('/'), wanted.split('/')];
  return parts.length === globs.length && globs.every((glob, index) => matchesGlob(parts[index] ?? '', glob));
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

const rootFile = checked(string, (file) =>
  /^[A-Za-z0-9_][A-Za-z0-9._+@-]*\.json$/.test(file)
    ? undefined
    : `${quote(file)} is no name of a file in keys/ that ends in ${rootEnding}`,
);

const subject = checked(string, (text) =>
  text === '' || /[\s\p{C}]/u.test(text) || /^[*/]*$/.test(text) ? `${quote(text)} is nobody in particular` : undefined,
);

const issuer = checked(string, (text) =>
  /^https:\/\/[^\s\p{C}]+$/u.test(text) ? undefined : `${quote(text)} is no https address of who knows the subject`,
);

const identity: Decoder<SigningIdentity> = struct({
  subject: required(subject),
  issuer: required(issuer),
  root: required(rootFile),
});

const notEmpty = <T>(of: Decoder<readonly T[]>, message: string): Decoder<readonly T[]> =>
  checked(of, (items) => (items.length === 0 ? message : undefined));

const fields = struct({
  place: required(placePattern),
  names: absentOr(notEmpty(list(nameGlob), 'it would hold for no extension: leave it out for all')),
  keys: absentOr(notEmpty(list(keyFile), 'it names no key: write `unsigned: allowed` where none is needed')),
  identities: absentOr(notEmpty(list(identity), 'it names nobody: write `unsigned: allowed` where none is needed')),
  unsigned: absentOr(oneOf(['allowed'])),
  until: absentOr(day),
});

const rule: Decoder<TrustRule> = mapped(
  alsoChecked(fields, contradictions),
  ({ place, names, keys, identities, until }) => ({
    place,
    names: names ?? ['*'],
    keys: keys ?? (identities === undefined ? undefined : []),
    ...(identities === undefined ? {} : { identities }),
    ...(until === undefined ? {} : { until }),
  }),
);

/** Signatures are needed or not: by keys, identities or both of them. */
function contradictions(value: Value, path: string): readonly Problem[] {
  const signers = givenFields(value, ['keys', 'identities']);
  const [unsigned] = givenFields(value, ['unsigned']);
  if (signers.length === 0 && unsigned === undefined) {
    const message = 'say whose signature is needed: `keys: [FILE]`, or `unsigned: allowed` where none is';
    return value.kind === 'map' && givenField(value, 'place') !== undefined
      ? [{ position: value.position, field: path, message }]
      : [];
  }
  const second = unsigned ?? signers[0];
  if (second === undefined || signers.length === 0 || unsigned === undefined) return [];
  const others = signers.map(({ key }) => `\`${keyName(key) ?? ''}\``).join(' and ');
  const message = `signatures are either needed or not: leave out ${others} or \`unsigned\``;
  return [{ position: second.key.position, field: fieldPath(path, keyName(second.key) ?? ''), message }];
}

/** Rules of trust, in the form that docs/trust.md describes. */
export const trustRules: Decoder<readonly TrustRule[]> = list(rule);
