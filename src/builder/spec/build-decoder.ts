import { isAbsolute } from 'node:path/posix';

import type { Problem } from '../../core/problems.ts';
import {
  accept,
  alsoChecked,
  boolean,
  checked,
  list,
  located,
  mapped,
  parsed,
  reject,
  string,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { givenField, givenFields, optional, requiredText, struct, withDefault } from '../../core/yaml/struct.ts';
import { itemPath, quote } from '../../core/yaml/text.ts';
import { isEmpty, type Value } from '../../core/yaml/tree.ts';
import type { Build, Cache } from './build.ts';
import { networkModeRule, textToExpand } from './expansion.ts';
import { source } from './source-decoder.ts';
import { steps, withExtensions } from './step-decoder.ts';
import { environment, word } from './text.ts';

const sharings = ['shared', 'locked', 'private'] as const;

const sharing = parsed(string, (text) => {
  const value = sharings.find((word) => word === text) ?? (text === '' ? 'shared' : undefined);
  if (value !== undefined) return { value };
  return { problem: `invalid cache dir sharing mode ${quote(text)}: ${sharings.join(', ')}` };
});

const cacheDirectory = mapped(
  struct(
    {
      dest: requiredText(
        'cache dir dest is required',
        checked(string, (dest) =>
          dest === '' || isAbsolute(dest) ? undefined : `cache dir dest ${quote(dest)} must be an absolute path`,
        ),
      ),
      key: word,
      sharing: withDefault(sharing, 'shared'),
      no_auto_namespace: withDefault(boolean, false),
    },
    withExtensions,
  ),
  ({ dest, key, sharing: mode, no_auto_namespace: noAutoNamespace }) => ({
    dest: dest.value,
    key: key === '' ? dest.value : key,
    sharing: mode,
    noAutoNamespace,
  }),
);

const cacheKinds = ['dir', 'gobuild', 'rustsccache', 'bazel'] as const;

const cacheFields = struct(
  {
    dir: optional(cacheDirectory),
    gobuild: optional(struct({ scope: word, disabled: withDefault(boolean, false) }, withExtensions)),
    rustsccache: optional(struct({ scope: word }, withExtensions)),
    bazel: optional(struct({ scope: word }, withExtensions)),
  },
  withExtensions,
);

const cache: Decoder<Cache> = alsoChecked((value, path) => {
  const decoded = cacheFields(value, path);
  if (!decoded.ok) return decoded;
  const { dir, gobuild, rustsccache, bazel } = decoded.value;
  const found: readonly (Cache | undefined)[] = [
    dir && { kind: 'dir', ...dir },
    gobuild && { kind: 'gobuild', ...gobuild },
    rustsccache && { kind: 'rustsccache', ...rustsccache },
    bazel && { kind: 'bazel', ...bazel },
  ];
  const one = found.find((candidate) => candidate !== undefined);
  return one === undefined ? reject(value.position, path, oneOfCaches) : accept(one);
}, severalCaches);

const oneOfCaches = `invalid cache config: exactly one of (${cacheKinds.join(', ')}) must be set`;

function severalCaches(value: Value, field: string): readonly Problem[] {
  const [, ...others] = givenFields(value, cacheKinds);
  return others.map(({ key }) => ({ position: key.position, field, message: oneOfCaches }));
}

const caches = alsoChecked(list(cache), (value, path) => {
  if (value.kind !== 'list') return [];
  const [, ...others] = value.items.flatMap((item, index) =>
    givenField(item, 'gobuild') === undefined ? [] : [index],
  );
  return others.map((index) => ({
    position: value.items[index]?.position ?? value.position,
    field: itemPath(path, index),
    message: 'only one gobuild cache is allowed',
  }));
});

const fields = struct(
  {
    steps: withDefault(steps(source), []),
    env: environment,
    network_mode: optional(textToExpand(networkModeRule)),
    caches: withDefault(caches, []),
  },
  withExtensions,
);

/** How the programs of a spec are built. */
export const build: Decoder<Build> = alsoChecked(
  mapped(located(fields), ({ value: { network_mode: networkMode, ...rest }, position }) => ({
    ...rest,
    networkMode,
    position,
  })),
  (value, field) => {
    const has = (name: string) => !isEmpty(givenField(value, name)?.value ?? nothing(value));
    if (has('steps') || !['env', 'caches', 'network_mode'].some(has)) return [];
    return [{ position: value.position, field, message: 'artifact build must have at least one step' }];
  },
);

function nothing({ position }: Value): Value {
  return { kind: 'scalar', position, text: '', plain: true };
}
