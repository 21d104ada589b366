import { join } from 'node:path';

import { quote } from '../../core/yaml/text.ts';
import { sha256, sha256OfFile } from '../../host/digest.ts';
import type { ContextSource, InlineSource } from '../spec/sources.ts';
import type { SoundEntry } from '../tree/judge.ts';
import { contextEntries, type OrdinaryEntry } from './context.ts';
import { inlineFiles } from './inline.ts';
import type { Fetching, SettledSource } from './means.ts';
import type { SourceFile } from './source-file.ts';

/** What is written into the spec. */
export function settleInline(name: string, source: InlineSource): SettledSource {
  const nodes = inlineFiles(name, source).map((file) => withinSource(name, file));
  const contents = nodes.map((node) => [
    node.path,
    node.kind,
    node.kind === 'symlink' ? 0 : node.mode,
    node.kind === 'file' && node.content.kind === 'bytes' ? sha256(node.content.bytes) : '',
  ]);
  return {
    identity: JSON.stringify(['inline', contents]),
    materials: [],
    warnings: ownersOf(name, source),
    files: () => Promise.resolve({ nodes }),
  };
}

function withinSource(name: string, { path, kind, mode, content, target = '' }: SourceFile): SoundEntry {
  const common = { path: path.slice(name.length + 1), mtime: 0 };
  if (kind === 'symlink') return { ...common, kind, target };
  return kind === 'file' && content !== undefined
    ? { ...common, kind, mode, content }
    : { ...common, kind: 'directory', mode };
}

/** In a build everything is root's, as in an extension. */
function ownersOf(name: string, { content }: InlineSource): readonly string[] {
  const all = content.kind === 'file' ? [content] : [content, ...content.files.values()];
  const isOwned = all.some(({ uid, gid }) => uid !== 0 || gid !== 0);
  return isOwned
    ? [`everything in a build is owned by root: uid and gid of the source ${quote(name)} are left out`]
    : [];
}

/** A directory of this host, as it is now. */
export function settleContext(name: string, source: ContextSource, means: Fetching): SettledSource {
  const { top, entries: all } = contextEntries(name, source, '', means.contexts);
  const entries = all.filter(({ path }) => !isStrange(path));
  const hashes = new Map(
    entries.flatMap(({ path, kind }) => (kind === 'file' ? [[path, sha256OfFile(join(top, path))] as const] : [])),
  );
  const listed = entries.map(({ path, kind, mode, target }) => [
    ...[path, kind, kind === 'symlink' ? 0 : mode, hashes.get(path) ?? target ?? ''],
  ]);
  return {
    identity: JSON.stringify(['context', sha256(JSON.stringify(listed))]),
    materials: [],
    warnings: all.length === entries.length ? [] : [strangeNames(name, all.length - entries.length)],
    files: () => Promise.resolve({ nodes: entries.map((entry) => nodeAt(top, entry)), expected: hashes }),
  };
}

/** What is no UTF-8 was read as U+FFFD; such a file cannot even be opened by its name. */
function isStrange(path: string): boolean {
  return path.includes('\ufffd');
}

function strangeNames(name: string, count: number): string {
  return `the source ${quote(name)} has ${count} files with names that are no UTF-8: they are left out`;
}

function nodeAt(top: string, { path, kind, mode, size, target = '' }: OrdinaryEntry): SoundEntry {
  const common = { path, mtime: 0 };
  if (kind === 'symlink') return { ...common, kind, target };
  if (kind === 'directory') return { ...common, kind, mode };
  return { ...common, kind, mode, content: { kind: 'range', path: join(top, path), offset: 0, length: size } };
}
