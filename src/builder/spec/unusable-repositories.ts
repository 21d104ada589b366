import type { Problem } from '../../core/problems.ts';
import { fieldPath, itemPath } from '../../core/yaml/text.ts';
import { dependenciesFor } from './for-target.ts';
import type { Source } from './sources.ts';
import type { ExtraRepo, Spec } from './spec.ts';
import { unreadHere } from './unfetched.ts';

/** A repository that the packages of an image may come from, and the path of its field. */
export interface PlacedRepo {
  readonly field: string;
  readonly repo: ExtraRepo;
}

/** The repositories that a spec brings for what its image consists of; none where that needs no packages. */
export function sysextRepositories(spec: Spec, target: string | undefined): readonly PlacedRepo[] {
  const { extraRepos = [], sysext = [] } = dependenciesFor(spec, target) ?? {};
  if (sysext.length === 0) return [];
  const own = target === undefined ? [] : spec.targets.get(target)?.dependencies?.extraRepos;
  const parent = target !== undefined && own === extraRepos ? fieldPath('targets', target) : '';
  const list = `${fieldPath(parent, 'dependencies')}.extra_repos`;
  return extraRepos
    .map((repo, index) => ({ field: itemPath(list, index), repo }))
    .filter(({ repo }) => repo.envs.includes('install'));
}

/** What such a repository needs and this version does not do. */
export function unusableRepositories(spec: Spec, target: string | undefined): readonly Problem[] {
  return sysextRepositories(spec, target).flatMap(({ field, repo: { keys, config, data } }) => [
    ...unfetchedFiles(keys, `${field}.keys`),
    ...unfetchedFiles(config, `${field}.config`),
    ...data.map(({ dest }, index) => ({
      position: dest.position,
      field: itemPath(`${field}.data`, index),
      message:
        'a repository that is a directory (file:) is not read by this version of sysext-agent: serve it over http',
    })),
  ]);
}

function unfetchedFiles(files: ReadonlyMap<string, Source>, field: string): readonly Problem[] {
  return Array.from(files).flatMap(([name, source]) => unreadHere(source, fieldPath(field, name)));
}
