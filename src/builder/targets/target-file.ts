import { dirname } from 'node:path';

import type { Position } from '../../core/problems.ts';
import { checked, list, located, mapOf, mapped, string, type Decoded } from '../../core/yaml/decoder.ts';
import { decodeYaml } from '../../core/yaml/document.ts';
import { optional, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import { placedRepository, repository } from './repository.ts';
import type { Target } from './target.ts';

/** What one file of targets.d says. */
export interface TargetFile extends Target {
  /** The target whose repositories this one has as well. */
  readonly packagesFrom?: { readonly value: string; readonly position: Position };
}

const sysextArgument = checked(string, (name) =>
  name.startsWith('DALEC_SYSEXT_') ? undefined : `${quote(name)} does not begin with DALEC_SYSEXT_`,
);

/** What `$releasever` stands for in the addresses of the repositories. */
const release = checked(string, (text) =>
  /^[\w.+~-]+$/.test(text) ? undefined : `${quote(text)} cannot be part of an address`,
);

/** A directory that an extension can have libraries in. */
const libraryDirectory = checked(string, (text) =>
  /^\/usr(\/[\w+-][\w.+-]*)+$/.test(text) ? undefined : `${quote(text)} is not a directory below /usr`,
);

const targetFile = checked(
  struct({
    description: withDefault(string, ''),
    match: withDefault(mapOf(string), new Map()),
    releasever: optional(release),
    libdir: optional(libraryDirectory),
    repositories: withDefault(list(repository), []),
    packages_from: optional(located(string)),
    sysext_defaults: withDefault(mapOf(string, sysextArgument), new Map()),
  }),
  ({ repositories, packages_from: packagesFrom }) => {
    if (new Set(repositories.map(({ family }) => family)).size > 1) return 'all repositories must be of one family';
    return repositories.length > 0 || packagesFrom !== undefined
      ? undefined
      : 'repositories or packages_from is required';
  },
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
    repositories: content.repositories.map((fields) => placedRepository(fields, dirname(path), content.releasever)),
    sysextDefaults: Object.fromEntries(content.sysext_defaults),
    ...(content.libdir === undefined ? {} : { libdir: content.libdir }),
    ...(content.releasever === undefined ? {} : { releasever: content.releasever }),
    ...(content.packages_from === undefined ? {} : { packagesFrom: content.packages_from }),
  }));
  return decodeYaml(text, path, decoder);
}
