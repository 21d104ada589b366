import { basename, dirname, join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { ImageEntry } from '../../core/image-entry.ts';
import { entryBelow, listTree } from '../../host/directory-tree.ts';
import { quote } from '../../core/yaml/text.ts';
import type { ContextSource } from '../spec/sources.ts';
import { selected, selectionOf } from './selection.ts';
import type { SourceFile } from './source-file.ts';

/** Directories of this host by the names of build contexts; `context` is the main one. */
export type Contexts = ReadonlyMap<string, string>;

/** Keeps a copy of a file that cannot change any more, and returns where it is. */
export type Keep = (path: string) => { readonly path: string; readonly size: number; readonly sha256: string };

/**
 * What a source that is a directory of this host consists of. Links are taken as links, so nothing outside of the
 * directory is read.
 * @param within only what is at this path of the source and below it: contexts can be large.
 * @throws AgentError `invalid-spec` where there is no such context, `no-such-file` where its directory or path is missing.
 */
export function contextFiles(
  name: string,
  source: ContextSource,
  within: string,
  contexts: Contexts,
  keep: Keep,
): readonly SourceFile[] {
  const { top, entries } = contextEntries(name, source, within, contexts);
  return entries.map((entry) => sourceFile(name, top, entry, keep));
}

/**
 * What there is of a source in its directory on this host, without a look into the files.
 * @returns the directory that the paths of the entries begin in.
 * @throws AgentError as contextFiles(), and `content-refused` for what is neither file, directory nor link.
 */
export function contextEntries(
  name: string,
  source: ContextSource,
  within: string,
  contexts: Contexts,
): { readonly top: string; readonly entries: readonly OrdinaryEntry[] } {
  const directory = contexts.get(source.name.value);
  if (directory === undefined) throw unknownContext(source, contexts);
  const { top, prefix } = startOf(name, source, directory);
  const entries = selected(entriesWithin(top, prefix, within), selectionOf(source));
  return { top, entries: entries.map((entry) => ordinary(top, entry)) };
}

/** An entry that an image may have. */
export type OrdinaryEntry = ImageEntry & { readonly kind: 'file' | 'directory' | 'symlink' };

function ordinary(top: string, entry: ImageEntry): OrdinaryEntry {
  const { kind, path } = entry;
  if (kind === 'file' || kind === 'directory' || kind === 'symlink') return { ...entry, kind };
  throw new AgentError('content-refused', `${join(top, path)} is a ${kind}, which no image may have`);
}

/** Where the source begins: at its `path`, or at the directory that holds it where that is a file. */
function startOf(name: string, source: ContextSource, directory: string): { top: string; prefix: string } {
  const path = normalized(source.path?.value ?? '');
  if (path === undefined) {
    throw outside(source, source.path?.value ?? '');
  }
  const entry = path === '' ? undefined : entryOf(directory, path);
  if (path !== '' && entry === undefined) {
    throw new AgentError(
      'no-such-file',
      `there is no ${join(directory, path)}, which the source ${quote(name)} names`,
      {
        left: 'Nothing was built.',
      },
    );
  }
  // A link is what it is: it may lead out of the directory.
  if (entry !== undefined && entry.kind !== 'directory')
    return { top: dirname(join(directory, path)), prefix: basename(path) };
  return { top: join(directory, path), prefix: '' };
}

/** A relative path without needless parts; undefined where it leads out. */
function normalized(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

/** The entry at a path of which no directory is a link. */
function entryOf(top: string, path: string): ImageEntry | undefined {
  const parts = path.split('/');
  const above = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
  return above.every((place) => entryBelow(top, place)?.kind === 'directory') ? entryBelow(top, path) : undefined;
}

function entriesWithin(top: string, prefix: string, within: string): readonly ImageEntry[] {
  const place = normalized(within);
  if (place === undefined) return [];
  if (place === '' && prefix === '') return listTree(top);
  if (prefix !== '' && place !== '' && place !== prefix) return [];
  const entry = entryOf(top, prefix === '' ? place : prefix);
  if (entry?.kind !== 'directory') return entry === undefined ? [] : [entry];
  return [entry, ...listTree(join(top, place)).map((below) => ({ ...below, path: `${place}/${below.path}` }))];
}

function sourceFile(name: string, top: string, entry: OrdinaryEntry, keep: Keep): SourceFile {
  const { kind, mode, target } = entry;
  const common = { path: `${name}/${entry.path}`, mode, fixedMode: false };
  if (kind === 'directory') return { ...common, kind };
  if (kind === 'symlink') return { ...common, kind, ...(target === undefined ? {} : { target }) };
  const kept = keep(join(top, entry.path));
  return { ...common, kind, content: { kind: 'range', path: kept.path, offset: 0, length: kept.size } };
}

function unknownContext({ name, position }: ContextSource, contexts: Contexts): AgentError {
  return new AgentError('invalid-spec', `context ${quote(name.value)} not found`, {
    problems: [{ position, field: '', message: `context ${quote(name.value)} not found` }],
    facts: [`given: ${[...contexts.keys()].join(' ')}`],
    left: 'Nothing was built.',
    next: `Give its directory with --build-context ${name.value}=DIR.`,
  });
}

function outside({ position }: ContextSource, path: string): AgentError {
  return new AgentError('invalid-spec', `the path ${quote(path)} leads out of the context`, {
    problems: [{ position, field: 'path', message: `${quote(path)} leads out of the context` }],
    left: 'Nothing was built.',
  });
}
