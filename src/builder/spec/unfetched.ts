import type { Problem } from '../../core/problems.ts';
import { itemPath } from '../../core/yaml/text.ts';
import type { Source } from './sources.ts';

/** What stands in the way of having a source here for a build. */
export function unfetched(source: Source, field: string): readonly Problem[] {
  if (source.kind !== 'build') return [];
  const message = 'a Dockerfile is not built by this version of sysext-agent';
  return [{ position: source.position, field: `${field}.build`, message }];
}

const elsewhere: Readonly<Record<Exclude<Source['kind'], 'inline' | 'context'>, string>> = {
  http: 'a file from the web is not fetched for repositories by this version of sysext-agent',
  git: 'a git repository is not fetched for repositories by this version of sysext-agent',
  image: 'a container image is not fetched for repositories by this version of sysext-agent',
  build: 'a Dockerfile is not built by this version of sysext-agent',
};

/** What stands in the way of reading a source where it is: it must be in the spec or on this host, as it is. */
export function notHere(source: Source, field: string): readonly Problem[] {
  const kind =
    source.kind === 'inline' || source.kind === 'context'
      ? []
      : [{ position: source.position, field: `${field}.${source.kind}`, message: elsewhere[source.kind] }];
  const generators = source.generators.map(({ kind: generator, position }, index) => ({
    position,
    field: itemPath(`${field}.generate`, index),
    message: `the generator ${generator} is not run for repositories`,
  }));
  return [...kind, ...generators];
}
