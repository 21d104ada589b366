import { list, located, mapOf, mapped, oneOf, type Decoder } from '../../core/yaml/decoder.ts';
import { optional, required, struct, withDefault } from '../../core/yaml/struct.ts';
import { fetchedPackages, literalPackages, namedPackages } from './package-list.ts';
import { sourceName, source } from './source-decoder.ts';
import type { Source } from './sources.ts';
import { repositoryUses, type Dependencies, type ExtraRepo } from './spec.ts';
import { mounts, withExtensions } from './step-decoder.ts';

/** Keys from the web are made readable for everyone, as in Dalec. */
const key: Decoder<Source> = mapped(source, (from) => (from.kind === 'http' ? { ...from, permissions: 0o644 } : from));

const extraRepo: Decoder<ExtraRepo> = mapped(
  located(
    struct(
      {
        keys: withDefault(mapOf(key, sourceName), new Map()),
        config: required(mapOf(source, sourceName)),
        data: withDefault(mounts(source), []),
        envs: withDefault(list(oneOf(repositoryUses)), []),
      },
      withExtensions,
    ),
  ),
  ({ value: { envs, ...fields }, position }) => ({
    ...fields,
    position,
    envs: envs.length === 0 ? repositoryUses : envs,
  }),
);

const dependencies: Decoder<Dependencies> = mapped(
  struct(
    {
      build: namedPackages,
      runtime: namedPackages,
      recommends: literalPackages,
      sysext: fetchedPackages,
      test: literalPackages,
      extra_repos: withDefault(list(extraRepo), []),
    },
    withExtensions,
  ),
  ({ extra_repos: extraRepos, ...lists }) => ({ ...lists, extraRepos }),
);

/** The packages that a spec or a target names, and where more of them are. */
export const packages = optional(dependencies);

/** What a package of a spec or of a target relates to. */
export const relations = { provides: namedPackages, replaces: namedPackages, conflicts: namedPackages };
