import { resolve } from 'node:path';

import { architecture } from '../../core/yaml/architecture.ts';
import { boolean, checked, list, mapped, oneOf, reject, string, type Decoder } from '../../core/yaml/decoder.ts';
import { optional, required, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import { keyName, type Value } from '../../core/yaml/tree.ts';
import type { DebRepository, RpmRepository } from './target.ts';

/** A repository as a target file says it: keys are relative to the file, `$releasever` is not filled in yet. */
export type RepositoryFields = (Omit<DebRepository, 'keys'> | Omit<RpmRepository, 'keys'>) & {
  readonly keys: readonly string[];
};

/** Lists that would make a target useless by being empty. */
function nonEmpty<T>(decoder: Decoder<readonly T[]>): Decoder<readonly T[]> {
  return checked(decoder, (items) => (items.length === 0 ? 'must not be empty' : undefined));
}

/** Whether a text is an address over HTTP; one of a document may have a query. */
export function isAddress(text: string, query = false): boolean {
  const { protocol, search, hash } = URL.parse(text) ?? {};
  return (protocol === 'http:' || protocol === 'https:') && (query || search === '') && hash === '';
}

const uri: Decoder<string> = checked(
  mapped(string, (text) => text.replace(/\/+$/, '')),
  (text) => (isAddress(text) ? undefined : `${quote(text)} is not the address of a repository: http:// or https://`),
);

const document: Decoder<string> = checked(string, (text) =>
  isAddress(text, true) ? undefined : `${quote(text)} is not the address of a document: http:// or https://`,
);

/** Whether a text can be a suite or a component: some parts of a path. */
export function isPathPart(text: string): boolean {
  return /^[A-Za-z0-9][\w.+~-]*(\/[A-Za-z0-9][\w.+~-]*)*$/.test(text);
}

const pathParts = checked(string, (text) =>
  isPathPart(text) ? undefined : `${quote(text)} cannot be part of an address`,
);

const family = oneOf(['deb', 'rpm']);

const deb = mapped(
  struct({
    family: withDefault(family, 'deb'),
    uri: required(uri),
    suites: required(nonEmpty(list(pathParts))),
    components: required(nonEmpty(list(pathParts))),
    architectures: optional(nonEmpty(list(architecture))),
    keys: required(nonEmpty(list(string))),
    check_valid_until: withDefault(boolean, true),
    check_date: withDefault(boolean, true),
  }),
  ({ check_valid_until: checkValidUntil, check_date: checkDate, architectures, ...fields }) => ({
    ...fields,
    family: 'deb' as const,
    ...(architectures === undefined ? {} : { architectures }),
    checkValidUntil,
    checkDate,
  }),
);

const rpm = mapped(
  checked(
    struct({
      family: required(family),
      baseurl: withDefault(oneOrMore(uri), []),
      metalink: optional(document),
      mirrorlist: optional(document),
      architectures: optional(nonEmpty(list(architecture))),
      keys: withDefault(list(string), []),
      gpgcheck: withDefault(boolean, true),
      repo_gpgcheck: withDefault(boolean, false),
    }),
    ({ baseurl, metalink, mirrorlist }) =>
      baseurl.length > 0 || metalink !== undefined || mirrorlist !== undefined
        ? undefined
        : 'baseurl, metalink or mirrorlist is required',
  ),
  ({ repo_gpgcheck: repoGpgcheck, architectures, metalink, mirrorlist, ...fields }) => ({
    ...fields,
    family: 'rpm' as const,
    repoGpgcheck,
    ...(architectures === undefined ? {} : { architectures }),
    ...(metalink === undefined ? {} : { metalink }),
    ...(mirrorlist === undefined ? {} : { mirrorlist }),
  }),
);

function oneOrMore<T>(decoder: Decoder<T>): Decoder<readonly T[]> {
  const [one, more] = [mapped(decoder, (item) => [item]), list(decoder)];
  return (value, path) => (value.kind === 'list' ? more(value, path) : one(value, path));
}

/** A repository of the family that its `family` names: deb where it names none. */
export const repository: Decoder<RepositoryFields> = (value, path) => {
  const named = familyOf(value);
  if (named === undefined || named === 'deb') return deb(value, path);
  if (named === 'rpm') return rpm(value, path);
  return reject(value.position, path, `${quote(named)} is no family of packages: deb or rpm`);
};

function familyOf(value: Value): string | undefined {
  const entries = value.kind === 'map' ? value.entries : [];
  const found = entries.find(({ key }) => keyName(key) === 'family')?.value;
  return found?.kind === 'scalar' ? found.text : undefined;
}

/** The repository with keys by absolute paths, and the release in its addresses. */
export function placedRepository(
  fields: RepositoryFields,
  directory: string,
  releasever: string | undefined,
): DebRepository | RpmRepository {
  const placed = { ...fields, keys: fields.keys.map((key) => resolve(directory, key)) };
  return placed.family === 'deb' ? placed : inRelease(placed, releasever);
}

/** `$releasever` filled in, where the release is known. */
export function inRelease(repository: RpmRepository, releasever: string | undefined): RpmRepository {
  if (releasever === undefined) return repository;
  const filled = (url: string) => url.replaceAll('$releasever', releasever);
  const { baseurl, metalink, mirrorlist } = repository;
  return {
    ...repository,
    baseurl: baseurl.map(filled),
    ...(metalink === undefined ? {} : { metalink: filled(metalink) }),
    ...(mirrorlist === undefined ? {} : { mirrorlist: filled(mirrorlist) }),
  };
}
