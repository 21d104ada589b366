import { fieldOfSource } from '../agent/fleet/combine.ts';
import type { FleetExtension } from '../agent/fleet/configuration.ts';
import { sourceText } from '../agent/fleet/definition.ts';
import type { FleetEntry } from '../agent/fleet/drop-in.ts';
import { parseTargetFile } from '../builder/targets/target-file.ts';
import type { Position } from '../core/problems.ts';
import { anything } from '../core/yaml/decoder.ts';
import { decodeYaml } from '../core/yaml/document.ts';
import { flowText } from '../core/yaml/flow.ts';
import { fieldPath } from '../core/yaml/text.ts';
import { keyName, type Value } from '../core/yaml/tree.ts';
import type { CheckedDropIns } from '../host/checked-drop-ins.ts';
import { readDropIns } from '../host/drop-ins.ts';

/** One value of the configuration, and where it is from. */
export interface ConfigurationValue {
  readonly key: string;
  readonly value: string;
  readonly from: Position;
  /** What earlier files had said, the latest first. */
  readonly instead: readonly ConfiguredAt[];
}

type ConfiguredAt = Pick<ConfigurationValue, 'value' | 'from'>;

/** The values of agent.yml and agent.d; those of lists add up. */
export function settingsValues({ dropIns }: CheckedDropIns): readonly ConfigurationValue[] {
  return dropIns.flatMap((found) => {
    if (found.kind !== 'file') return [];
    const decoded = decodeYaml(found.text, found.path, anything);
    return decoded.ok ? leavesOf(decoded.value, '') : [];
  });
}

function leavesOf(value: Value, key: string): readonly ConfigurationValue[] {
  if (value.kind === 'map') {
    return value.entries.flatMap((entry) => leavesOf(entry.value, fieldPath(key, keyName(entry.key) ?? '')));
  }
  const items = value.kind === 'list' ? value.items : [value];
  return items.map((item) => ({ key, value: shortText(item), from: item.position, instead: [] }));
}

function shortText(value: Value): string {
  return value.kind === 'scalar' ? value.text : flowText(value);
}

/** The values that all drop-ins together give an extension. */
export function fleetValues({ name, said, layers }: FleetExtension): readonly ConfigurationValue[] {
  const path = fieldPath('extensions', name);
  const earlier = layers.map(({ entry }) => valuesOf(entry)).toReversed();
  return valuesOf(said).map(({ key, value, from }) => ({
    key: `${path}.${key}`,
    value,
    from,
    instead: earlier.flatMap((values) => values.filter((other) => other.key === key && other.from !== from)),
  }));
}

/** What a drop-in says of an extension, a row for each field. */
function valuesOf(entry: FleetEntry): readonly (ConfiguredAt & { readonly key: string })[] {
  const { source, version, target, args, allow, health, hold, state } = entry;
  const row = <T>(key: string, said: { value: T; position: Position } | undefined, text: (value: T) => string) =>
    said === undefined ? [] : [{ key, value: text(said.value), from: said.position }];
  return [
    ...row(source === undefined ? '' : fieldOfSource[source.value.kind], source, sourceText),
    ...row('version', version, ({ text }) => text),
    ...row('target', target, String),
    ...Array.from(args ?? [], ([name, said]) => row(`args.${name}`, said, String)).flat(),
    ...row('allow', allow, (rules) => rules.join(', ')),
    ...row('health', health, (checks) => checks.map(({ name }) => name).join(', ')),
    ...row('hold', hold, String),
    ...row('state', state, String),
  ];
}

/** The build targets there are. */
export function targetValues(directories: readonly string[]): readonly ConfigurationValue[] {
  return readDropIns(directories, '.yml').map(({ name, path, text }) => {
    const target = name.replace(/\.yml$/, '');
    const decoded = parseTargetFile(text, target, path);
    const value = decoded.ok ? decoded.value.description : '';
    return { key: `targets.${target}`, value, from: { file: path, line: 1, column: 1 }, instead: [] };
  });
}
