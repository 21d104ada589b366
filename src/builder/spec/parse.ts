import { extensionNameRule, isExtensionName } from '../../core/names.ts';
import { boolean, checked, located, mapOf, mapped, string, type Decoder } from '../../core/yaml/decoder.ts';
import { decodeYamlOrThrow } from '../../core/yaml/document.ts';
import { locatedOr, optional, required, struct, withDefault, type StructOptions } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import { fetchedPackages, namedPackages } from './package-list.ts';
import type { Spec } from './spec.ts';

/**
 * How an object is read that Dalec decodes with its main decoder: `x-` fields are for the writer's own use, and fields
 * that would change the image, were they built, are never passed over in silence.
 */
function without(...names: readonly string[]): StructOptions {
  return { extensions: true, refused: { names, reason: 'is not built by this version of sysext-agent yet' } };
}

const text = withDefault(string, '');

const extensionName = checked(string, (name) =>
  isExtensionName(name) ? undefined : `${quote(name)} cannot name an extension: ${extensionNameRule}`,
);

/** A part of the image's file name. Dalec would expand `$` and take quotes and backslashes away. */
const fileNamePart: Decoder<string> = checked(string, (part) => {
  if (/[$'"\\]/.test(part)) {
    return `${quote(part)}: substitution ($, quotes, backslashes) is not built by this version of sysext-agent yet`;
  }
  if (part === '') return 'must not be empty';
  return /[/\s\p{C}]/u.test(part) ? `${quote(part)}: no slash, white space or control character is allowed` : undefined;
});

const dependencies = struct(
  {
    build: namedPackages,
    runtime: namedPackages,
    recommends: namedPackages,
    sysext: fetchedPackages,
    test: namedPackages,
  },
  without('extra_repos'),
);
const dependenciesWithRest = mapped(dependencies, (lists) => ({ ...lists, extraRepos: [] }));

const relations = { provides: namedPackages, replaces: namedPackages, conflicts: namedPackages };

const target = struct(
  {
    ...relations,
    dependencies: optional(dependenciesWithRest),
  },
  without('artifacts', 'frontend', 'image', 'package_config', 'tests'),
);

const targetWithRest = mapped(located(target), ({ value, position }) => ({
  ...value,
  position,
  artifacts: undefined,
  image: undefined,
  frontend: undefined,
  packageConfig: undefined,
  tests: [],
}));

const spec = struct(
  {
    ...relations,
    name: required(extensionName),
    version: required(located(fileNamePart)),
    revision: locatedOr(fileNamePart, ''),
    description: text,
    website: text,
    license: text,
    vendor: text,
    packager: text,
    noarch: withDefault(boolean, false),
    dependencies: optional(dependenciesWithRest),
    targets: withDefault(mapOf(targetWithRest), new Map()),
  },
  without('args', 'artifacts', 'build', 'changelog', 'image', 'package_config', 'patches', 'sources', 'tests'),
);

/**
 * Reads a Dalec spec.
 * @param file its name, for problems.
 * @throws AgentError `invalid-spec` with every problem and its place.
 */
export function parseSpec(text: string, file: string): Spec {
  const read = decodeYamlOrThrow(text, file, located(spec), 'invalid-spec', 'spec');
  return {
    ...read.value,
    position: read.position,
    args: new Map(),
    sources: new Map(),
    patches: new Map(),
    build: undefined,
    artifacts: undefined,
    packageConfig: undefined,
    image: undefined,
    changelog: [],
    tests: [],
    allow: [],
  };
}
