import { posix } from 'node:path';

import type { ArchiveEntry } from '../../core/tree.ts';
import { contentBytes } from '../../host/content.ts';
import { gzipped } from '../../host/gzip.ts';

/**
 * Compresses manual pages as packages of Debian have them (dh_installman(1), dh_compress(1)); links to them get the
 * suffix as well, and lead to what has it now.
 */
export function compressManualPages(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const pages = new Set(entries.filter(isPlainPage).map(({ name }) => name));
  return entries.map((entry) => {
    if (pages.has(entry.name)) return compressed(entry);
    return entry.kind === 'symlink' && pages.has(placeOf(entry)) ? relinked(entry) : entry;
  });
}

function isPlainPage({ name, kind }: ArchiveEntry): boolean {
  return kind === 'file' && name.startsWith('usr/share/man/') && !name.endsWith('.gz');
}

function compressed({ content = { kind: 'bytes', bytes: new Uint8Array() }, ...entry }: ArchiveEntry): ArchiveEntry {
  return { ...entry, name: `${entry.name}.gz`, content: { kind: 'bytes', bytes: gzipped(contentBytes(content)) } };
}

/** Where a link leads, relative to the root. */
function placeOf({ name, target = '' }: ArchiveEntry): string {
  return posix.resolve('/', posix.dirname(name), target).slice(1);
}

function relinked(entry: ArchiveEntry): ArchiveEntry {
  const name = entry.name.endsWith('.gz') ? entry.name : `${entry.name}.gz`;
  return { ...entry, name, target: `${entry.target ?? ''}.gz` };
}
