import { isPinned } from '../../core/image-reference.ts';
import type { Position, Problem } from '../../core/problems.ts';
import { fieldPath } from '../../core/yaml/text.ts';
import { nothingToChoose, onlyForSpecs } from './drop-in-decoder.ts';
import type { ExtensionSource, FleetEntry } from './drop-in.ts';

/**
 * What two drop-ins say of one extension, field by field, the later one last: the later one counts; build arguments add up
 * by name, as settings of systemd's drop-ins do. One that names a source begins anew: what was said before was said of
 * another image.
 */
export function combined(earlier: FleetEntry, later: FleetEntry): FleetEntry {
  if (later.source !== undefined) return later;
  const args = later.args === undefined ? earlier.args : new Map([...(earlier.args ?? []), ...later.args]);
  return { ...earlier, ...later, ...(args === undefined ? {} : { args }) };
}

/** The field that a source is written in. */
export const fieldOfSource = {
  spec: 'spec',
  'inline-spec': 'spec',
  image: 'image',
  reference: 'from',
} as const satisfies Record<ExtensionSource['kind'], string>;

/**
 * What does not go together in what all drop-ins say of an extension.
 * @param position where the last of them speaks of it.
 */
export function problemsOfEntry(name: string, entry: FleetEntry, position: Position): readonly Problem[] {
  const path = fieldPath('extensions', name);
  const { source, version } = entry;
  if (source === undefined) return isAbsent(entry) ? [] : [{ position, field: path, message: noSource }];
  const field = fieldOfSource[source.value.kind];
  const misplaced = field === 'spec' ? [] : buildFieldsOf(entry);
  const isSettled = source.value.kind === 'reference' && isPinned(source.value.reference);
  return [
    ...misplaced.map(([key, at]) => ({ position: at, field: `${path}.${key}`, message: onlyForSpecs(key, field) })),
    ...(isSettled && version !== undefined
      ? [{ position: version.position, field: `${path}.version`, message: nothingToChoose }]
      : []),
  ];
}

const noSource = 'no file says where it comes from: give it a spec, an image or from';

/** The fields that say how a spec is built, with their places. */
function buildFieldsOf({ target, args }: FleetEntry): readonly (readonly [string, Position])[] {
  const [argument] = args?.values() ?? [];
  return [
    ...(target === undefined ? [] : [['target', target.position] as const]),
    ...(argument === undefined ? [] : [['args', argument.position] as const]),
  ];
}

export function isAbsent({ state }: FleetEntry): boolean {
  return state?.value === 'absent';
}
