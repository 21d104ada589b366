import { AgentError } from '../../core/errors.ts';
import { extensionNameRule, isExtensionName } from '../../core/names.ts';
import { nearestName, quote } from '../../core/yaml/text.ts';

/** What goes into the extension-release file of an image, and the name of its file. */
export interface SysextSettings {
  /** `ID=`; `_any` fits every OS. */
  readonly osId: string;
  /** `VERSION_ID=` */
  readonly osVersionId?: string;
  /** `SYSEXT_LEVEL=` */
  readonly sysextLevel?: string;
  /** The image's file name without `.raw`, where it is not made from name, version and target. */
  readonly imageName?: string;
}

type Arguments = Readonly<Record<string, string>>;

const prefix = 'DALEC_SYSEXT_';

/** The build arguments of Dalec that a spec need not declare, apart from those with the prefix. */
const knownArguments = [
  'BUILDARCH',
  'BUILDKIT_SYNTAX',
  'BUILDOS',
  'BUILDPLATFORM',
  'BUILDVARIANT',
  'DALEC_DISABLE_DIFF_MERGE',
  'DALEC_DISABLE_PASSTHROUGH',
  'DALEC_DISABLE_PROXY_CONFIG',
  'DALEC_DISABLE_SYMLINK',
  'DALEC_GOMOD_PROXY',
  'DALEC_SIGNING_CONFIG_CONTEXT_NAME',
  'DALEC_SIGNING_CONFIG_PATH',
  'DALEC_SKIP_SIGNING',
  'DALEC_SKIP_TESTS',
  'DALEC_SOURCE_FILTER_CONFIG_CONTEXT_NAME',
  'DALEC_SOURCE_FILTER_CONFIG_PATH',
  'DALEC_TARGET',
  'SOURCE_DATE_EPOCH',
  'TARGETARCH',
  'TARGETOS',
  'TARGETPLATFORM',
  'TARGETVARIANT',
] as const;

const sysextArguments = ['OS_ID', 'OS_VERSION_ID', 'SYSEXT_LEVEL', 'IMAGE_NAME'].map((name) => prefix + name);

/**
 * The settings of an image from the target's defaults and the user's build arguments, by Dalec's rules: an empty value
 * counts as none, and a version given by the user takes the place of the target's level.
 * @param specName stands for `${name}` in the defaults.
 * @throws AgentError `usage` on an argument that is unknown or has a value that cannot be written to a file.
 */
export function sysextSettings(specName: string, defaults: Arguments, buildArguments: Arguments): SysextSettings {
  for (const name of Object.keys(buildArguments)) requireKnown(name);
  const given = withoutEmpty(buildArguments);
  const merged = { ...applicableDefaults(specName, defaults, given), ...given };
  const osVersionId = releaseValue(merged, 'OS_VERSION_ID');
  const sysextLevel = releaseValue(merged, 'SYSEXT_LEVEL');
  const imageName = imageNameIn(merged);
  return {
    osId: releaseValue(merged, 'OS_ID') ?? '_any',
    ...(osVersionId === undefined ? {} : { osVersionId }),
    ...(sysextLevel === undefined ? {} : { sysextLevel }),
    ...(imageName === undefined ? {} : { imageName }),
  };
}

function requireKnown(name: string): void {
  if (name.startsWith(prefix) || knownArguments.some((known) => known === name)) return;
  const nearest = nearestName(name, [...sysextArguments, ...knownArguments]);
  throw new AgentError('usage', `unknown arg: ${quote(name)}`, {
    facts: [`known: ${[...sysextArguments, ...knownArguments].join(' ')}`],
    ...(nearest === undefined ? {} : { next: `Did you mean ${nearest}?` }),
  });
}

function withoutEmpty(values: Arguments): Arguments {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

/** A level and a version are two ways to say which OS fits: the user's version stands alone. */
function applicableDefaults(specName: string, defaults: Arguments, given: Arguments): Arguments {
  const dropped = given[`${prefix}OS_VERSION_ID`] === undefined ? undefined : `${prefix}SYSEXT_LEVEL`;
  const kept = Object.entries(withoutEmpty(defaults)).filter(([name]) => name !== dropped);
  return Object.fromEntries(kept.map(([name, value]) => [name, value.replaceAll('${name}', specName)]));
}

/** A value for an extension-release file, which is written without quotes. */
function releaseValue(values: Arguments, name: string): string | undefined {
  const value = values[prefix + name];
  if (value === undefined || /^[A-Za-z0-9._~^+-]+$/.test(value)) return value;
  throw new AgentError('usage', `${prefix}${name} cannot be ${quote(value)}: only letters, digits and . _ ~ ^ + -`);
}

function imageNameIn(values: Arguments): string | undefined {
  const name = values[`${prefix}IMAGE_NAME`]?.replace(/\.raw$/, '');
  if (name === undefined || isExtensionName(name)) return name;
  throw new AgentError('usage', `${prefix}IMAGE_NAME cannot be ${quote(name)}: ${extensionNameRule}`);
}
