import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { lengthOf } from '../../core/tree.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';
import { contentBytes } from '../../host/content.ts';
import type { Contexts } from '../source/context.ts';
import { localFiles } from '../source/files.ts';
import type { Source } from '../spec/sources.ts';
import type { RepositoryUse, Spec } from '../spec/spec.ts';
import { specRepositories, type PlacedRepo } from '../spec/unusable-repositories.ts';
import { extraRepositories } from './extra-repositories.ts';
import type { Repository, Target } from './target.ts';

/** What the files of a spec's repositories are read with. */
export interface RepositoryFiles {
  readonly contexts: Contexts;
  readonly cacheDirectory: string;
}

/**
 * The target with the repositories that a spec brings for a use, after its own.
 * @param spec with its build arguments expanded, and with nothing that unusableRepositories() tells of.
 * @throws AgentError `invalid-spec` with every file that is none or describes nothing usable, and as contextFiles().
 */
export function withSpecRepositories(target: Target, spec: Spec, use: RepositoryUse, files: RepositoryFiles): Target {
  const read = specRepositories(spec, target.name, use).map((repo) => repositoriesOf(repo, target, files));
  const problems = read.flatMap((result) => result.problems);
  if (problems.length > 0)
    throw new AgentError('invalid-spec', 'the repositories that the spec brings cannot be used', {
      problems,
      left: 'Nothing was built.',
    });
  return { ...target, repositories: [...target.repositories, ...read.flatMap(({ repositories }) => repositories)] };
}

interface ReadRepositories {
  readonly repositories: readonly Repository[];
  readonly problems: readonly Problem[];
}

function repositoriesOf({ field, repo }: PlacedRepo, target: Target, files: RepositoryFiles): ReadRepositories {
  const keys = readAll(repo.keys, `${field}.keys`, files);
  const config = readAll(repo.config, `${field}.config`, files);
  const problems = [...keys.problems, ...config.problems];
  if (problems.length > 0) return { repositories: [], problems };
  const described = Array.from(config.read, ([name, bytes]) => describedBy(name, bytes, keys.read, target));
  return {
    repositories: described.flatMap((result) => (typeof result === 'string' ? [] : result)),
    problems: Array.from(repo.config).flatMap(([name, { position }], index) => {
      const result = described[index];
      const message = typeof result === 'string' ? result : undefined;
      return message === undefined ? [] : [{ position, field: fieldPath(`${field}.config`, name), message }];
    }),
  };
}

/** The repositories of one configuration file, or what is wrong with it. */
function describedBy(
  name: string,
  bytes: Uint8Array,
  keys: ReadonlyMap<string, Uint8Array>,
  { repositories, releasever }: Target,
): readonly Repository[] | string {
  const family = repositories[0]?.family ?? 'deb';
  const targetKeys = repositories.flatMap((repository) => repository.keys);
  const context = { targetKeys, ...(releasever === undefined ? {} : { releasever }) };
  try {
    const found = extraRepositories(
      family,
      { [name]: Buffer.from(bytes).toString('utf8') },
      Object.fromEntries(keys),
      context,
    );
    return found.length > 0 ? found : `it describes no ${family} repository`;
  } catch (error) {
    if (isAgentError(error, 'invalid-spec')) return error.message;
    throw error;
  }
}

interface ReadFiles {
  readonly read: ReadonlyMap<string, Uint8Array>;
  readonly problems: readonly Problem[];
}

function readAll(sources: ReadonlyMap<string, Source>, field: string, files: RepositoryFiles): ReadFiles {
  const results = Array.from(sources, ([name, source]) => ({ name, source, result: readFile(name, source, files) }));
  return {
    read: new Map(results.flatMap(({ name, result }) => (typeof result === 'string' ? [] : [[name, result] as const]))),
    problems: results.flatMap(({ name, source: { position }, result }) =>
      typeof result === 'string' ? [{ position, field: fieldPath(field, name), message: result }] : [],
    ),
  };
}

/** Keys and configurations have some kilobytes. */
const mostBytes = 1024 ** 2;

/** What is in a source that is one file, or why it is none. */
function readFile(name: string, source: Source, { contexts, cacheDirectory }: RepositoryFiles): Uint8Array | string {
  const path = source.path?.value ?? '';
  if (source.kind === 'context' && /^[./]*$/.test(path)) return 'this is a directory: name the file in it by "path"';
  const files = localFiles(new Map([[name, source]]), contexts, cacheDirectory)(name);
  const [file, ...others] = files.filter(({ kind }) => kind !== 'directory');
  if (file === undefined || others.length > 0) return 'this is a directory: name the file in it by "path"';
  if (file.content === undefined) return `${quote(path)} is a symbolic link, which is not followed`;
  const size = lengthOf(file.content);
  return size > mostBytes
    ? `this has ${size} bytes, which no key and no configuration has`
    : contentBytes(file.content);
}
