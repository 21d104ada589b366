import { dirname, resolve } from 'node:path';

import type { Position } from '../../core/problems.ts';
import { architecture } from '../../core/yaml/architecture.ts';
import {
  boolean,
  checked,
  list,
  located,
  mapOf,
  mapped,
  oneOf,
  string,
  type Decoded,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { decodeYaml } from '../../core/yaml/document.ts';
import { optional, required, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import type { DebRepository, Target } from './target.ts';

/** What one file of targets.d says. */
export interface TargetFile extends Target {
  /** The target whose repositories this one has as well. */
  readonly packagesFrom?: { readonly value: string; readonly position: Position };
}

/** Lists that would make a target useless by being empty. */
function nonEmpty<T>(decoder: Decoder<readonly T[]>): Decoder<readonly T[]> {
  return checked(decoder, (items) => (items.length === 0 ? 'must not be empty' : undefined));
}

const uri: Decoder<string> = checked(
  mapped(string, (text) => text.replace(/\/+$/, '')),
  (text) => {
    const { protocol, search, hash } = URL.parse(text) ?? {};
    const good = (protocol === 'http:' || protocol === 'https:') && search === '' && hash === '';
    return good ? undefined : `${quote(text)} is not the address of a repository: http:// or https://`;
  },
);

/** A suite or a component: some parts of a path. */
const pathParts = checked(string, (text) =>
  /^[A-Za-z0-9][\w.+~-]*(\/[A-Za-z0-9][\w.+~-]*)*$/.test(text)
    ? undefined
    : `${quote(text)} cannot be part of an address`,
);

const repository = struct({
  family: withDefault(oneOf(['deb']), 'deb'),
  uri: required(uri),
  suites: required(nonEmpty(list(pathParts))),
  components: required(nonEmpty(list(pathParts))),
  architectures: optional(nonEmpty(list(architecture))),
  keys: required(nonEmpty(list(string))),
  check_valid_until: withDefault(boolean, true),
  check_date: withDefault(boolean, true),
});

const sysextArgument = checked(string, (name) =>
  name.startsWith('DALEC_SYSEXT_') ? undefined : `${quote(name)} does not begin with DALEC_SYSEXT_`,
);

const targetFile = checked(
  struct({
    description: withDefault(string, ''),
    match: withDefault(mapOf(string), new Map()),
    repositories: withDefault(list(repository), []),
    packages_from: optional(located(string)),
    sysext_defaults: withDefault(mapOf(string, sysextArgument), new Map()),
  }),
  ({ repositories, packages_from: packagesFrom }) =>
    repositories.length > 0 || packagesFrom !== undefined ? undefined : 'repositories or packages_from is required',
);

/**
 * Reads one file of targets.d.
 * @param name of the target: that of the file, without its ending.
 * @param path of the file, which keys may be relative to.
 */
export function parseTargetFile(text: string, name: string, path: string): Decoded<TargetFile> {
  const decoder = mapped(targetFile, (content) => ({
    name,
    description: content.description,
    match: Object.fromEntries(content.match),
    repositories: content.repositories.map((from) => repositoryOf(from, dirname(path))),
    sysextDefaults: Object.fromEntries(content.sysext_defaults),
    ...(content.packages_from === undefined ? {} : { packagesFrom: content.packages_from }),
  }));
  return decodeYaml(text, path, decoder);
}

type RepositoryFields = typeof repository extends Decoder<infer T> ? T : never;

function repositoryOf(fields: RepositoryFields, directory: string): DebRepository {
  return {
    family: fields.family,
    uri: fields.uri,
    suites: fields.suites,
    components: fields.components,
    ...(fields.architectures === undefined ? {} : { architectures: fields.architectures }),
    keys: fields.keys.map((key) => resolve(directory, key)),
    checkValidUntil: fields.check_valid_until,
    checkDate: fields.check_date,
  };
}
