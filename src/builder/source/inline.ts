import type { InlineFile, InlineSource } from '../spec/sources.ts';
import { selected, selectionOf } from './selection.ts';
import type { SourceFile } from './source-file.ts';

/** What a source that is written into the spec consists of. */
export function inlineFiles(name: string, source: InlineSource): readonly SourceFile[] {
  const { content } = source;
  if (content.kind === 'file') return [fileAt(name, content, true)];
  const only = source.path?.value.replace(/^(\.?\/)+|\/+$/g, '') ?? '';
  const files = Array.from(content.files, ([path, file]) => ({ path, file })).filter(
    ({ path }) => only === '' || only === '.' || path === only,
  );
  return [
    { path: name, kind: 'directory', mode: content.permissions, fixedMode: true },
    ...selected(files, selectionOf(source)).map(({ path, file }) => fileAt(`${name}/${path}`, file, false)),
  ];
}

function fileAt(path: string, { contents, permissions }: InlineFile, fixedMode: boolean): SourceFile {
  return { path, kind: 'file', mode: permissions, content: { kind: 'bytes', bytes: Buffer.from(contents) }, fixedMode };
}
