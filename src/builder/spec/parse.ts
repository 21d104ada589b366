import { extensionNameRule, isExtensionName } from '../../core/names.ts';
import { boolean, checked, mapOf, string, type Decoder } from '../../core/yaml/decoder.ts';
import { decodeYamlOrThrow } from '../../core/yaml/document.ts';
import { optional, required, struct, withDefault, type StructOptions } from '../../core/yaml/struct.ts';
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

const relations = { provides: namedPackages, replaces: namedPackages, conflicts: namedPackages };

const target = struct(
  {
    ...relations,
    dependencies: optional(dependencies),
  },
  without('artifacts', 'frontend', 'image', 'package_config', 'tests'),
);

const spec = struct(
  {
    ...relations,
    name: required(extensionName),
    version: required(fileNamePart),
    revision: withDefault(fileNamePart, ''),
    description: text,
    website: text,
    license: text,
    vendor: text,
    packager: text,
    noarch: withDefault(boolean, false),
    dependencies: optional(dependencies),
    targets: withDefault(mapOf(target), new Map()),
  },
  without('args', 'artifacts', 'build', 'changelog', 'image', 'package_config', 'patches', 'sources', 'tests'),
);

/**
 * Reads a Dalec spec.
 * @param file its name, for problems.
 * @throws AgentError `invalid-spec` with every problem and its place.
 */
export function parseSpec(text: string, file: string): Spec {
  return decodeYamlOrThrow(text, file, spec, 'invalid-spec', 'spec');
}
