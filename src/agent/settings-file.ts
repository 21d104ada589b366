import { allowList, type Allowance } from '../core/contents/allow.ts';
import { extensionNameRule, isExtensionName } from '../core/names.ts';
import { checked, integer, mapOf, string } from '../core/yaml/decoder.ts';
import { decodeYamlOrThrow } from '../core/yaml/document.ts';
import { optional, struct, withDefault } from '../core/yaml/struct.ts';
import { quote } from '../core/yaml/text.ts';

/** What the configuration of this host says. */
export interface Settings {
  /** What is allowed in every extension. */
  readonly allow: readonly Allowance[];
  /** What is allowed in single extensions, by name. */
  readonly extensions: ReadonlyMap<string, readonly Allowance[]>;
  /** How long one operation of systemd-sysext may take, in seconds. */
  readonly mergeTimeLimit?: number;
}

const extensionName = checked(string, (name) =>
  isExtensionName(name) ? undefined : `${quote(name)} cannot be the name of an extension: ${extensionNameRule}`,
);

const seconds = checked(integer, (value) =>
  value >= 1 && value <= 86_400 ? undefined : 'it takes a number of seconds, from 1 to 86400',
);

const settingsFile = struct({
  allow: withDefault(allowList, []),
  extensions: withDefault(mapOf(struct({ allow: withDefault(allowList, []) }), extensionName), new Map()),
  merge_time_limit: optional(seconds),
});

/**
 * Reads one file of the configuration.
 * @throws AgentError `invalid-config` with all problems and their places.
 */
export function parseSettings(text: string, path: string): Settings {
  const file = decodeYamlOrThrow(text, path, settingsFile, 'invalid-config', 'configuration');
  const { allow, extensions, merge_time_limit: mergeTimeLimit } = file;
  const byFile = (rules: readonly string[]): readonly Allowance[] => rules.map((rule) => ({ rule, by: path }));
  return {
    allow: byFile(allow),
    extensions: new Map(Array.from(extensions, ([name, own]) => [name, byFile(own.allow)])),
    ...(mergeTimeLimit === undefined ? {} : { mergeTimeLimit }),
  };
}
