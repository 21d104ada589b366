import type { Problem } from '../../core/problems.ts';
import { fieldPath, itemPath } from '../../core/yaml/text.ts';
import { dependenciesFor } from './for-target.ts';
import type { Source } from './sources.ts';
import type { ExtraRepo, RepositoryUse, Spec } from './spec.ts';
import { unreadHere } from './unfetched.ts';

/** A repository that the packages of an image may come from, and the path of its field. */
export interface PlacedRepo {
  readonly field: string;
  readonly repo: ExtraRepo;
}

/**
 * The repositories that a spec brings for a use: `install` is for what its image consists of; none where that needs no
 * packages.
 */
export function specRepositories(spec: Spec, target: string | undefined, use: RepositoryUse): readonly PlacedRepo[] {
  const { extraRepos = [], sysext = [] } = dependenciesFor(spec, target) ?? {};
  if (use === 'install' && sysext.length === 0) return [];
  const own = target === undefined ? [] : spec.targets.get(target)?.dependencies?.extraRepos;
  const parent = target !== undefined && own === extraRepos ? fieldPath('targets', target) : '';
  const list = `${fieldPath(parent, 'dependencies')}.extra_repos`;
  return extraRepos
    .map((repo, index) => ({ field: itemPath(list, index), repo }))
    .filter(({ repo }) => repo.envs.includes(use));
}

/** What repositories for these uses need and this version does not do. */
export function unusableRepositories(
  spec: Spec,
  target: string | undefined,
  uses: readonly RepositoryUse[],
): readonly Problem[] {
  const all = new Map(
    uses.flatMap((use) => specRepositories(spec, target, use)).map((placed) => [placed.field, placed]),
  );
  return [...all.values()].flatMap(({ field, repo: { keys, config, data } }) => [
    ...unreadFiles(keys, `${field}.keys`),
    ...unreadFiles(config, `${field}.config`),
    ...data.map(({ dest }, index) => ({
      position: dest.position,
      field: itemPath(`${field}.data`, index),
      message:
        'a repository that is a directory (file:) is not read by this version of sysext-agent: serve it over http',
    })),
  ]);
}

function unreadFiles(files: ReadonlyMap<string, Source>, field: string): readonly Problem[] {
  return Array.from(files).flatMap(([name, source]) => unreadHere(source, fieldPath(field, name)));
}
