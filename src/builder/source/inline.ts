import type { InlineFile, InlineSource } from '../spec/sources.ts';
import { isSelected } from './selection.ts';
import type { SourceFile } from './source-file.ts';

/** What a source that is written into the spec consists of. */
export function inlineFiles(name: string, source: InlineSource): readonly SourceFile[] {
  const { content } = source;
  if (content.kind === 'file') return [fileAt(name, content, true)];
  const [includes, excludes] = [source.includes, source.excludes].map((list) => list.map(({ value }) => value));
  const only = source.path?.value.replace(/^(\.?\/)+|\/+$/g, '') ?? '';
  const files = Array.from(content.files).filter(
    ([file]) => (only === '' || only === '.' || file === only) && isSelected(file, includes ?? [], excludes ?? []),
  );
  return [
    { path: name, kind: 'directory', mode: content.permissions, fixedMode: true },
    ...files.map(([file, value]) => fileAt(`${name}/${file}`, value, false)),
  ];
}

function fileAt(path: string, { contents, permissions }: InlineFile, fixedMode: boolean): SourceFile {
  return { path, kind: 'file', mode: permissions, content: { kind: 'bytes', bytes: Buffer.from(contents) }, fixedMode };
}
