import { basename } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import { parseDeb822Sources, parseSourcesList, type AptSource } from './apt-sources.ts';
import { inRelease, isAddress, isPathPart } from './repository.ts';
import type { DebRepository, Keys, Repository, RpmRepository } from './target.ts';

/** Where what a spec brings counts as being, and what its texts may leave open. */
export interface ExtraContext {
  /** What `$releasever` stands for. */
  readonly releasever?: string;
  /** The keys of the target, which a configuration may name as the distribution does: by the names of their files. */
  readonly targetKeys: readonly Keys[];
}

/**
 * The repositories that configuration files of a spec describe (`extra_repos`): `.repo` files of dnf, or sources of apt
 * in either format.
 * @param configs texts by the names of their files.
 * @param keys key files by their names. An entry that names none may be signed by any of them.
 * @throws AgentError `invalid-spec` where an entry cannot be used.
 */
export function extraRepositories(
  family: Repository['family'],
  configs: Readonly<Record<string, string>>,
  keys: Readonly<Record<string, Uint8Array>>,
  context: ExtraContext,
): readonly Repository[] {
  const given = Object.entries(keys).map(([path, bytes]) => ({ path, bytes }));
  return Object.entries(configs).flatMap(([name, text]): readonly Repository[] =>
    family === 'rpm' ? rpmRepositories(name, text, given, context) : debRepositories(name, text, given, context),
  );
}

const noFiles = 'repositories of the kind file: are not read by this version of sysext-agent; serve it over http';

function unusable(name: string, why: string): AgentError {
  return new AgentError('invalid-spec', `${name} cannot be used: ${why}`);
}

/** The key file of that name: one of the spec, else one of the target, else the path itself. */
function keyOf(path: string, given: readonly Keys[], { targetKeys }: ExtraContext): Keys {
  const pathOf = (key: Keys) => (typeof key === 'string' ? key : key.path);
  return [...given, ...targetKeys].find((key) => basename(pathOf(key)) === basename(path)) ?? path;
}

type IniSection = ReadonlyMap<string, string>;

/** Sections of a `.repo` file (dnf.conf(5)); a line that begins with a space goes on with the value before it. */
function parseIni(text: string): ReadonlyMap<string, IniSection> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    const [, title] = /^\[([^\]]+)\]\s*$/.exec(line) ?? [];
    const [, key, value] = /^([A-Za-z_]+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (title !== undefined) sections.set(title, (section = new Map<string, string>()));
    else if (/^\s+\S/.test(line) && last !== '') section.set(last, `${section.get(last) ?? ''} ${line.trim()}`);
    else if (key !== undefined) section.set((last = key), value ?? '');
  }
  return sections;
}

function rpmRepositories(
  name: string,
  text: string,
  given: readonly Keys[],
  context: ExtraContext,
): readonly RpmRepository[] {
  const sections = [...parseIni(text)].filter(([id, fields]) => id !== 'main' && isOn(fields.get('enabled'), true));
  return sections.map(([id, fields]) => {
    const address = (key: string) => fields.get(key)?.trim();
    const repository: RpmRepository = {
      family: 'rpm',
      baseurl: words(fields.get('baseurl')).map((url) => url.replace(/\/+$/, '')),
      ...optionalAddress('metalink', address('metalink')),
      ...optionalAddress('mirrorlist', address('mirrorlist')),
      gpgcheck: isOn(fields.get('gpgcheck'), true),
      repoGpgcheck: isOn(fields.get('repo_gpgcheck'), false),
      keys: rpmKeys(`${name} [${id}]`, words(fields.get('gpgkey')), given, context),
    };
    const { baseurl, metalink, mirrorlist } = repository;
    const addresses = [...baseurl, metalink, mirrorlist].filter((url) => url !== undefined);
    if (addresses.length === 0) throw unusable(`${name} [${id}]`, 'baseurl, metalink or mirrorlist is required');
    const strange = addresses.find((url) => !isAddress(url, true));
    if (strange?.startsWith('file:') === true) throw unusable(`${name} [${id}]`, noFiles);
    if (strange !== undefined) throw unusable(`${name} [${id}]`, `${strange} is no http or https address`);
    return inRelease(repository, context.releasever);
  });
}

function optionalAddress<K extends string>(key: K, url: string | undefined): Partial<Record<K, string>> {
  return (url === undefined || url === '' ? {} : { [key]: url }) as Partial<Record<K, string>>;
}

function rpmKeys(
  name: string,
  urls: readonly string[],
  given: readonly Keys[],
  context: ExtraContext,
): readonly Keys[] {
  if (urls.length === 0) return given;
  return urls.map((url) => {
    const path = url.replace(/^file:\/\//, '').replaceAll('$releasever', context.releasever ?? '$releasever');
    const key = keyOf(path, given, context);
    if (key === path && !path.startsWith('/'))
      throw unusable(name, `the key ${url} is not fetched; give it under keys, by the name ${basename(path)}`);
    return key;
  });
}

function isOn(text: string | undefined, otherwise: boolean): boolean {
  return text === undefined ? otherwise : /^(1|yes|true|on|enabled)$/i.test(text.trim());
}

function debRepositories(
  name: string,
  text: string,
  given: readonly Keys[],
  context: ExtraContext,
): readonly DebRepository[] {
  const isDeb822 = name.endsWith('.sources') || /^\s*types\s*:/im.test(text);
  const sources = (isDeb822 ? parseDeb822Sources : parseSourcesList)(text);
  return sources.flatMap((source) => source.uris.map((uri) => debRepository(name, uri, source, given, context)));
}

function debRepository(
  name: string,
  uri: string,
  source: AptSource,
  given: readonly Keys[],
  context: ExtraContext,
): DebRepository {
  const { suites, components, signedBy, inlineKey, checkValidUntil = true, checkDate = true } = source;
  if (inlineKey) throw unusable(name, 'a key is written into it; give it under keys');
  if (!isAddress(uri)) throw unusable(name, uri.startsWith('file:') ? noFiles : `${uri} is no http or https address`);
  const strange = [...suites, ...components].find((part) => !isPathPart(part));
  if (strange !== undefined) throw unusable(name, `${quote(strange)} cannot be a suite or a component`);
  if (suites.length === 0 || components.length === 0) throw unusable(name, `${uri} needs suites and components`);
  const keys = signedBy.length === 0 ? given : signedBy.map((path) => keyOf(path, given, context));
  return { family: 'deb', uri: uri.replace(/\/+$/, ''), suites, components, keys, checkValidUntil, checkDate };
}

function words(text = ''): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}
