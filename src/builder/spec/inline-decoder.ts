import type { Problem } from '../../core/problems.ts';
import { accept, alsoChecked, checked, mapOf, mapped, reject, string, type Decoder } from '../../core/yaml/decoder.ts';
import { givenField, optional, struct, withDefault } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import type { Value } from '../../core/yaml/tree.ts';
import type { InlineDirectory, InlineFile } from './sources.ts';
import { count, fileMode, word } from './text.ts';

const owner = { uid: withDefault(count('uid'), 0), gid: withDefault(count('gid'), 0) };

const file: Decoder<InlineFile> = mapped(
  struct({ contents: word, permissions: withDefault(fileMode, 0o644), ...owner }),
  (fields) => ({ kind: 'file' as const, ...fields }),
);

const fileName = checked(string, (name) => {
  if (name.includes('/')) return `file name ${quote(name)} must not contain path separator`;
  return ['', '.', '..'].includes(name) ? `${quote(name)} cannot name a file` : undefined;
});

const directory: Decoder<InlineDirectory> = mapped(
  struct({
    files: withDefault(mapOf(file, fileName), new Map()),
    permissions: withDefault(fileMode, 0o755),
    ...owner,
  }),
  (fields) => ({ kind: 'directory' as const, ...fields }),
);

const either = struct({ file: optional(file), dir: optional(directory) });

/** The file or the directory that a spec holds in itself. */
export const inlineContent: Decoder<InlineFile | InlineDirectory> = alsoChecked((value, path) => {
  const decoded = either(value, path);
  if (!decoded.ok) return decoded;
  const content = decoded.value.file ?? decoded.value.dir;
  if (content === undefined) return reject(value.position, path, 'inline source is missing contents to inline');
  return accept(content);
}, bothProblem);

function bothProblem(value: Value, path: string): readonly Problem[] {
  const other = givenField(value, 'file') === undefined ? undefined : givenField(value, 'dir');
  if (other === undefined) return [];
  return [{ position: other.key.position, field: path, message: 'inline source cannot have both a file and dir set' }];
}
