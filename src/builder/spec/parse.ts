import { healthList } from '../../core/health-list.ts';
import { extensionNameRule, isExtensionName } from '../../core/names.ts';
import {
  alsoChecked,
  boolean,
  checked,
  list,
  located,
  mapOf,
  mapped,
  oneOf,
  string,
  type Decoded,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { decodeYaml, decodeYamlOrThrow } from '../../core/yaml/document.ts';
import { locatedOr, optional, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import { artifacts } from './artifact-decoder.ts';
import { build } from './build-decoder.ts';
import { dateProblem } from './date.ts';
import { packages, relations } from './dependency-decoder.ts';
import { fileNamePartRule, ruledText } from './expansion.ts';
import { image } from './image-decoder.ts';
import { ownPlaces } from './own-places.ts';
import { patchProblems, patches } from './patch-decoder.ts';
import { sources } from './source-decoder.ts';
import type { Frontend, Spec, SpecTarget } from './spec.ts';
import { withExtensions } from './step-decoder.ts';
import { tests } from './test-decoder.ts';
import { textMap, texts, word, words } from './text.ts';

const extensionName = checked(string, (name) =>
  isExtensionName(name) ? undefined : `${quote(name)} cannot name an extension: ${extensionNameRule}`,
);

const frontendFields = { image: word, cmdline: word };

const frontend: Decoder<Frontend> = mapped(located(struct(frontendFields, withExtensions)), ({ value, position }) => ({
  ...value,
  position,
}));

const signer = mapped(located(struct({ ...frontendFields, args: textMap }, withExtensions)), ({ value, position }) => ({
  ...value,
  position,
}));

const packageConfig = optional(struct({ signer: optional(signer) }, withExtensions));

const target: Decoder<SpecTarget> = mapped(
  located(
    struct(
      {
        ...relations,
        dependencies: packages,
        artifacts: optional(artifacts),
        image: optional(image),
        frontend: optional(frontend),
        package_config: packageConfig,
        tests,
      },
      withExtensions,
    ),
  ),
  ({ value: { package_config: signing, ...fields }, position }) => ({ ...fields, packageConfig: signing, position }),
);

const change = struct(
  { date: withDefault(checked(string, dateProblem), ''), author: word, changes: words },
  withExtensions,
);

/** Our own part of a spec, which Dalec passes over. */
const ownBlock = struct({
  allow: texts,
  health: withDefault(healthList, []),
  files: withDefault(ownPlaces, []),
  accounts: optional(oneOf(['sysusers'])),
});

const fields = struct(
  {
    ...relations,
    name: withDefault(extensionName, ''),
    version: locatedOr(ruledText(fileNamePartRule), ''),
    revision: locatedOr(ruledText(fileNamePartRule), ''),
    description: word,
    website: word,
    license: word,
    vendor: word,
    packager: word,
    noarch: withDefault(boolean, false),
    args: textMap,
    sources,
    patches,
    build: optional(build),
    artifacts: optional(artifacts),
    dependencies: packages,
    targets: withDefault(mapOf(target), new Map()),
    package_config: packageConfig,
    image: optional(image),
    changelog: withDefault(list(change), []),
    tests,
    'x-sysext': optional(ownBlock),
  },
  withExtensions,
);

/** A spec wherever it stands. Its build arguments are not expanded yet. */
export const spec: Decoder<Spec> = mapped(
  located(alsoChecked(fields, patchProblems)),
  ({ value: { package_config: signing, 'x-sysext': own, ...rest }, position }) => ({
    ...rest,
    position,
    packageConfig: signing,
    allow: own?.allow ?? [],
    health: own?.health ?? [],
    placing: { places: own?.files ?? [], accounts: own?.accounts },
  }),
);

/**
 * Reads a Dalec spec without a throw. Its build arguments are not expanded yet.
 * @param file its name, for problems.
 */
export function decodeSpec(text: string, file: string): Decoded<Spec> {
  return decodeYaml(text, file, spec);
}

/**
 * Reads a Dalec spec. Its build arguments are not expanded yet.
 * @param file its name, for problems.
 * @throws AgentError `invalid-spec` with every problem and its place.
 */
export function parseSpec(text: string, file: string): Spec {
  return decodeYamlOrThrow(text, file, spec, 'invalid-spec', 'spec');
}
