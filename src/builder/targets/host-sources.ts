import { join } from 'node:path';

import { isAgentError } from '../../core/errors.ts';
import { listNames, readBytes, readTextIfAny } from '../../host/files.ts';
import { belowRoot } from '../../host/root.ts';
import { parseAptSettings, type AptSettings } from './apt-settings.ts';
import { parseDeb822Sources, parseSourcesList, type AptSource } from './apt-sources.ts';
import type { DebRepository, Repository, Target } from './target.ts';

/** A place that this host's apt gets packages from. */
export interface HostSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Key files that are there and can be read. */
  readonly keys: readonly string[];
  readonly checkValidUntil?: boolean;
  readonly checkDate?: boolean;
}

/** The apt configuration of a host, as far as it tells where packages come from. */
export interface HostSources {
  readonly sources: readonly HostSource[];
  readonly settings: AptSettings;
  /** Entries that cannot be used, and why: one sentence each. */
  readonly skipped: readonly string[];
}

/** Reads apt's sources and settings below a root directory. */
export function readHostSources(root: string): HostSources {
  const files = ['/etc/apt/sources.list', ...namesIn(root, '/etc/apt/sources.list.d', /^[\w.-]+\.(list|sources)$/)].map(
    (path) => ({ path, text: read(root, path) }),
  );
  const entries = files.flatMap(({ path, text }) => {
    const parse = path.endsWith('.sources') ? parseDeb822Sources : parseSourcesList;
    return parse(text).map((source) => ({ path, source, problem: problemOf(source) }));
  });
  return {
    sources: entries.flatMap(({ source, problem }) => (problem === undefined ? hostSources(root, source) : [])),
    settings: parseAptSettings(aptConfiguration(root)),
    skipped: entries.flatMap(({ path, problem }) => (problem === undefined ? [] : [`${path}: ${problem}`])),
  };
}

/** The files that apt reads settings from, in its order (apt.conf(5)). */
function aptConfiguration(root: string): string {
  const parts = namesIn(root, '/etc/apt/apt.conf.d', /^([\w-]+|[\w.-]+\.conf)$/);
  return [...parts, '/etc/apt/apt.conf'].map((path) => read(root, path)).join('\n');
}

function namesIn(root: string, directory: string, pattern: RegExp): readonly string[] {
  return listNames(belowRoot(root, directory))
    .filter((name) => pattern.test(name))
    .map((name) => join(directory, name));
}

function read(root: string, path: string): string {
  return readTextIfAny(belowRoot(root, path)) ?? '';
}

function problemOf({ uris, inlineKey }: AptSource): string | undefined {
  if (inlineKey) return `${uris.join(' ')}: the key is written into the entry; put it in a file to use this mirror`;
  return uris.some(isHttp) ? undefined : `${uris.join(' ')}: not an http or https address`;
}

function isHttp(uri: string): boolean {
  return /^https?:\/\//.test(uri) && URL.canParse(uri);
}

function hostSources(root: string, source: AptSource): HostSource[] {
  const { uris, suites, components, signedBy, checkValidUntil, checkDate } = source;
  const keys = signedBy.map((path) => belowRoot(root, path)).filter(isReadable);
  return uris.filter(isHttp).map((uri) => ({
    uri: uri.replace(/\/+$/, ''),
    suites,
    components,
    keys,
    ...(checkValidUntil === undefined ? {} : { checkValidUntil }),
    ...(checkDate === undefined ? {} : { checkDate }),
  }));
}

function isReadable(path: string): boolean {
  try {
    readBytes(path);
    return true;
  } catch (error) {
    if (isAgentError(error)) return false;
    throw error;
  }
}

/**
 * The target with this host's mirrors in place of the public ones, where the host is of the same distribution: an entry
 * serves a suite if the last part of its address is the same (`debian-security`), it has the components, and it has the
 * suite, or the one that is named like it for the host's own release, or another suite of that repository. The mirror
 * may be older than the public archive, so what the administrator says of dates holds for it. The repository's own keys
 * stay trusted, those of the entry are added.
 */
export function withHostMirrors(
  target: Target,
  hostOsRelease: Readonly<Record<string, string>>,
  { sources, settings }: Pick<HostSources, 'sources' | 'settings'>,
): Target {
  if (hostOsRelease['ID'] === undefined || hostOsRelease['ID'] !== target.match['ID']) return target;
  const translate = suiteTranslation(hostOsRelease['VERSION_CODENAME'], target.match['VERSION_CODENAME']);
  const repositories = target.repositories.flatMap((repository): readonly Repository[] =>
    repository.family === 'deb'
      ? bySource(repository, sources, translate).map(([source, suites]) =>
          mirrored(repository, suites, source, settings),
        )
      : [repository],
  );
  return { ...target, repositories };
}

/** What a suite of the host's release is called in the target's: `bookworm-updates` -> `trixie-updates`. */
function suiteTranslation(from: string | undefined, to: string | undefined): (suite: string) => string {
  if (from === undefined || to === undefined) return (suite) => suite;
  return (suite) => (suite === from || suite.startsWith(`${from}-`) ? to + suite.slice(from.length) : suite);
}

/** The suites of a repository, sorted by the host's entry that has them. */
function bySource(
  repository: DebRepository,
  sources: readonly HostSource[],
  translate: (suite: string) => string,
): readonly (readonly [HostSource | undefined, readonly string[]])[] {
  const has = (suite: string) => (source: HostSource) => source.suites.includes(suite);
  const hasAlike = (suite: string) => (source: HostSource) => source.suites.map(translate).includes(suite);
  const mirrors = sources.filter(
    (source) =>
      archiveName(source.uri) === archiveName(repository.uri) &&
      repository.components.every((component) => source.components.includes(component)) &&
      repository.suites.some((suite) => hasAlike(suite)(source) || has(suite)(source)),
  );
  const groups = Map.groupBy(
    repository.suites,
    (suite) => mirrors.find(has(suite)) ?? mirrors.find(hasAlike(suite)) ?? mirrors[0],
  );
  return [...groups];
}

/** The last part of an address: `debian`, `debian-security`, `ubuntu-ports`. */
function archiveName(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1);
}

function mirrored(
  repository: DebRepository,
  suites: readonly string[],
  source: HostSource | undefined,
  settings: AptSettings,
): DebRepository {
  if (source === undefined) return { ...repository, suites };
  return {
    ...repository,
    uri: source.uri,
    suites,
    keys: [...new Set([...repository.keys, ...source.keys])],
    checkValidUntil: source.checkValidUntil ?? settings.checkValidUntil ?? repository.checkValidUntil,
    checkDate: source.checkDate ?? settings.checkDate ?? repository.checkDate,
  };
}
