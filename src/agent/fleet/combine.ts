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
  const { source, version, target, args = new Map<string, never>() } = entry;
  const path = fieldPath('extensions', name);
  if (source === undefined) return isAbsent(entry) ? [] : [{ position, field: path, message: noSource }];
  const { kind } = source.value;
  const field = fieldOfSource[kind];
  const misplaced =
    field === 'spec' ? [] : [...(target === undefined ? [] : [['target', target] as const]), ...named(args)];
  const settled = source.value.kind === 'reference' && isPinned(source.value.reference) ? version : undefined;
  return [
    ...misplaced.map(([key, said]) => ({
      position: said.position,
      field: `${path}.${key}`,
      message: onlyForSpecs(key, field),
    })),
    ...(settled === undefined
      ? []
      : [{ position: settled.position, field: `${path}.version`, message: nothingToChoose }]),
  ];
}

const noSource = 'no file says where it comes from: give it a spec, an image or from';

function named(args: NonNullable<FleetEntry['args']>) {
  return [...args.values()].slice(0, 1).map((said) => ['args', said] as const);
}

export function isAbsent({ state }: FleetEntry): boolean {
  return state?.value === 'absent';
}
