import { accept, entriesOf, list, mapped, parsed, reject, string, type Decoder } from '../../core/yaml/decoder.ts';
import { optional, requiredText, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import type { Generator, GomodReplace } from './sources.ts';
import { word, words } from './text.ts';

const gomodAuth = struct({
  token: word,
  header: word,
  ssh: optional(struct({ id: word, username: word })),
});

const replaceText: Decoder<GomodReplace> = parsed(string, (line) => {
  const [before = '', after = '', ...rest] = line.split('=>').map((part) => part.trim());
  return before === '' || after === '' || rest.length > 0
    ? { problem: `invalid gomod replace ${quote(line)}: write "old => new"` }
    : { value: { old: before, new: after } };
});

const replaceFields: Decoder<GomodReplace> = mapped(
  struct({
    old: requiredText('invalid gomod replace: old must not be empty'),
    new: requiredText('invalid gomod replace: new must not be empty'),
  }),
  ({ old, new: by }) => ({ old: old.value, new: by.value }),
);

const replace: Decoder<GomodReplace> = (value, path) =>
  (value.kind === 'scalar' ? replaceText : replaceFields)(value, path);

const edits = struct({ replace: withDefault(list(replace), []), drop: words });

const modulePaths = withDefault(list(string), ['.']);

const generator = struct({
  subpath: word,
  gomod: optional(
    struct({
      paths: modulePaths,
      auth: withDefault(entriesOf(gomodAuth), []),
      edits: withDefault(edits, { replace: [], drop: [] }),
    }),
  ),
  cargohome: optional(struct({ paths: modulePaths })),
  pip: optional(
    struct({
      paths: modulePaths,
      requirements_file: withDefault(string, 'requirements.txt'),
      index_url: word,
      extra_index_urls: words,
    }),
  ),
  nodemod: optional(struct({ paths: modulePaths, registry: word })),
});

/** One entry of `generate`, which may ask for several generators in the same place. */
const generatorsOfEntry: Decoder<readonly Generator[]> = (value, path) => {
  const decoded = generator(value, path);
  if (!decoded.ok) return decoded;
  const { subpath, gomod, cargohome, pip, nodemod } = decoded.value;
  const common = { position: value.position, subpath };
  const found: readonly (Generator | undefined)[] = [
    gomod && {
      ...common,
      ...gomod,
      kind: 'gomod',
      auth: gomod.auth.map(({ key: host, value: secrets }) => ({ host, ...secrets })),
    },
    cargohome && { ...common, ...cargohome, kind: 'cargohome' },
    pip && {
      ...common,
      kind: 'pip',
      paths: pip.paths,
      requirementsFile: pip.requirements_file,
      indexUrl: pip.index_url,
      extraIndexUrls: pip.extra_index_urls,
    },
    nodemod && { ...common, ...nodemod, kind: 'nodemod' },
  ];
  const generators = found.filter((one) => one !== undefined);
  if (generators.length > 0) return accept(generators);
  return reject(value.position, path, 'no generator type specified: gomod, cargohome, pip or nodemod');
};

/** The generators of a source, in their order. */
export const generators = withDefault(
  mapped(list(generatorsOfEntry), (entries) => entries.flat()),
  [],
);
