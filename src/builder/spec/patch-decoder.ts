import type { Problem } from '../../core/problems.ts';
import { list, located, mapOf, mapped, string, type Decoder } from '../../core/yaml/decoder.ts';
import { optional, requiredText, struct, withDefault } from '../../core/yaml/struct.ts';
import { fieldPath, itemPath, quote } from '../../core/yaml/text.ts';
import type { Value } from '../../core/yaml/tree.ts';
import { sources } from './source-decoder.ts';
import { isFileSource, type Patch, type Source } from './sources.ts';
import { count, text } from './text.ts';

const patch: Decoder<Patch> = mapped(
  located(
    struct({
      source: requiredText('invalid patch: the source of the patch is missing', string),
      strip: withDefault(count('strip'), 1),
      path: optional(text),
    }),
  ),
  ({ value, position }) => ({ ...value, position }),
);

/** The patches of each source, in the order in which they are applied. */
export const patches = withDefault(mapOf(list(patch)), new Map());

const patchesAndSources = struct({ sources, patches }, { others: true });

/** What patches get wrong about the sources of the spec; nothing while one of the two cannot be read. */
export function patchProblems(spec: Value, path: string): readonly Problem[] {
  const decoded = patchesAndSources(spec, path);
  if (!decoded.ok) return [];
  return Array.from(decoded.value.patches).flatMap(([patched, ofOne]) =>
    ofOne.flatMap((one, index) => {
      const fault = faultOf(one, decoded.value.sources.get(one.source.value));
      if (fault === undefined) return [];
      const head = `invalid patch for source ${quote(patched)}, patch source: ${quote(one.source.value)}`;
      const field = itemPath(fieldPath(fieldPath(path, 'patches'), patched), index);
      return [{ position: one.source.position, field, message: `${head}: ${fault}` }];
    }),
  );
}

function faultOf({ path }: Patch, source: Source | undefined): string | undefined {
  const hasPath = path !== undefined && path.value !== '';
  if (source === undefined) return 'source is missing from sources list';
  if (isFileSource(source)) {
    return hasPath ? 'patch source refers to a file source but patch spec specifies a subpath' : undefined;
  }
  return hasPath ? undefined : 'patch source refers to a directory source without a subpath to the patch file';
}
