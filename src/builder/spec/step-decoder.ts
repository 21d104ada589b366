import type { Problem } from '../../core/problems.ts';
import { alsoChecked, list, located, mapped, numberedList, type Decoder } from '../../core/yaml/decoder.ts';
import { givenField, required, requiredText, struct, withDefault, type StructOptions } from '../../core/yaml/struct.ts';
import { fieldPath, itemPath, quote } from '../../core/yaml/text.ts';
import type { Value } from '../../core/yaml/tree.ts';
import type { ImageCommand, Mount, Source, Step } from './sources.ts';
import { environment, text, word } from './text.ts';

/** How an object is read that Dalec decodes with its main decoder: `x-` fields are for the writer's own use. */
export const withExtensions: StructOptions = { extensions: true };

/** Mounts of sources; those of one command must differ in their places. */
export function mounts(source: Decoder<Source>): Decoder<readonly Mount[]> {
  const mount = struct(
    {
      dest: required(alsoChecked(text, destinationProblems)),
      spec: required(source),
    },
    withExtensions,
  );
  return alsoChecked(list(mount), repeatedDestinations);
}

function destinationProblems(value: Value, field: string): readonly Problem[] {
  if (value.kind !== 'scalar') return [];
  const message =
    value.text === ''
      ? 'mount destination must not be empty'
      : /^\/+$/.test(value.text)
        ? 'mount destination must not be "/"'
        : undefined;
  return message === undefined ? [] : [{ position: value.position, field, message }];
}

function repeatedDestinations(value: Value, path: string): readonly Problem[] {
  const seen = new Set<string>();
  return destinationsIn(value).flatMap(({ dest, index }) => {
    const message = `duplicate mount destination ${quote(dest.text)}`;
    const problem = { position: dest.position, field: fieldPath(itemPath(path, index), 'dest'), message };
    if (seen.has(dest.text)) return [problem];
    seen.add(dest.text);
    return [];
  });
}

function destinationsIn(value: Value) {
  if (value.kind !== 'list') return [];
  return value.items.flatMap((item, index) => {
    const dest = givenField(item, 'dest')?.value;
    return dest?.kind === 'scalar' ? [{ dest, index }] : [];
  });
}

/** The steps of a build or of an image's command. */
export function steps(source: Decoder<Source>): Decoder<readonly Step[]> {
  return numberedList((index) => step(index, source));
}

function step(index: number, source: Decoder<Source>): Decoder<Step> {
  const fields = struct({
    command: requiredText(`step ${index}: step must have a command`),
    env: environment,
    mounts: withDefault(mounts(source), []),
  });
  return mapped(located(fields), ({ value, position }) => ({ ...value, command: value.command.value, position }));
}

/** The command of an image source. */
export function imageCommand(source: Decoder<Source>): Decoder<ImageCommand> {
  return alsoChecked(
    struct({
      dir: word,
      mounts: withDefault(mounts(source), []),
      env: environment,
      steps: withDefault(steps(source), []),
    }),
    (value, field) => {
      const given = givenField(value, 'steps')?.value;
      if (given !== undefined && !(given.kind === 'list' && given.items.length === 0)) return [];
      return [{ position: value.position, field, message: 'command must have at least one step' }];
    },
  );
}
