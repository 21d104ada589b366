import type { Problem } from '../../core/problems.ts';
import { itemPath } from '../../core/yaml/text.ts';
import type { Source } from './sources.ts';

/** What stands in the way of having a source for a build. */
export function unfetched(source: Source, field: string): readonly Problem[] {
  const { position } = source;
  if (source.kind === 'build') {
    const message =
      'a Dockerfile is not built: there is no engine for that here. A source of the kind image can be its result';
    return [{ position, field: `${field}.build`, message }];
  }
  if (source.kind === 'image' && source.command !== undefined) {
    const message = 'commands in a container image are not run by this version of sysext-agent';
    return [{ position, field: `${field}.image.cmd`, message }];
  }
  return [];
}

/** What repositories are read from is settled before anything is fetched. */
const unread: Readonly<Record<Exclude<Source['kind'], 'inline' | 'context'>, string>> = {
  http: 'a file from the web is not fetched',
  git: 'a git repository is not fetched',
  image: 'a container image is not fetched',
  build: 'a Dockerfile is not built',
};

const instead = 'for extra_repos: write its text into the spec (inline), or give its directory (context)';

/** What stands in the way of reading a file of a repository, where only what is on this host or in the spec is read. */
export function unreadHere(source: Source, field: string): readonly Problem[] {
  const kind =
    source.kind === 'inline' || source.kind === 'context'
      ? []
      : [{ position: source.position, field: `${field}.${source.kind}`, message: `${unread[source.kind]} ${instead}` }];
  const generators = source.generators.map(({ kind: generator, position }, index) => ({
    position,
    field: itemPath(`${field}.generate`, index),
    message: `the generator ${generator} is not run for extra_repos`,
  }));
  return [...kind, ...generators];
}
