import type { Problem } from '../../core/problems.ts';
import { itemPath } from '../../core/yaml/text.ts';
import type { Source } from './sources.ts';

const refused: Readonly<Record<Exclude<Source['kind'], 'inline' | 'context'>, string>> = {
  http: 'a file from the web is not fetched by this version of sysext-agent',
  git: 'a git repository is not fetched by this version of sysext-agent',
  image: 'a container image is not fetched by this version of sysext-agent',
  build: 'a Dockerfile is not built by this version of sysext-agent',
};

/** What stands in the way of having a source here, without what is done to it afterwards. */
export function unfetched(source: Source, field: string): readonly Problem[] {
  const kind =
    source.kind === 'inline' || source.kind === 'context'
      ? []
      : [{ position: source.position, field: `${field}.${source.kind}`, message: refused[source.kind] }];
  const generators = source.generators.map(({ kind: generator, position }, index) => ({
    position,
    field: itemPath(`${field}.generate`, index),
    message: `the generator ${generator} is not run by this version of sysext-agent`,
  }));
  return [...kind, ...generators];
}
