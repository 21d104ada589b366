import { AgentError } from '../../core/errors.ts';
import { extensionNameRule, isExtensionName } from '../../core/names.ts';
import { nearestName, quote } from '../../core/yaml/text.ts';
import { isKnownArgument, knownArguments, sysextPrefix as prefix } from './build-arguments.ts';

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

/**
 * The settings of an image from the target's defaults and the user's build arguments, by Dalec's rules: an empty value
 * counts as none, and a version given by the user takes the place of the target's level.
 * @param specName stands for `${name}` in the defaults.
 * @param declared the build arguments that the spec has.
 * @throws AgentError `usage` on an argument that is unknown or has a value that cannot be written to a file.
 */
export function sysextSettings(
  specName: string,
  defaults: Arguments,
  buildArguments: Arguments,
  declared: Iterable<string> = [],
): SysextSettings {
  requireKnown(Object.keys(buildArguments), [...declared]);
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

function requireKnown(given: readonly string[], declared: readonly string[]): void {
  const stranger = given.find((name) => !isKnownArgument(name) && !declared.includes(name));
  if (stranger === undefined) return;
  const known = [...declared, ...knownArguments];
  const nearest = nearestName(stranger, known);
  throw new AgentError('usage', `unknown arg: ${quote(stranger)}`, {
    facts: [`known: ${known.join(' ')}`],
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
