import type Database from 'better-sqlite3';

import { columnsOf, extensionOf, type ExtensionRow } from './generation-rows.ts';
import type { Prefetched } from './records.ts';

/** Images that wait for another version of the system, in the history's database. */

export function prefetched(database: Database.Database): Prefetched[] {
  return database
    .prepare<[], ExtensionRow & { readonly os: string }>('SELECT * FROM prefetched ORDER BY name, os')
    .all()
    .map(({ os, ...row }) => ({ os, extension: extensionOf(row) }));
}

/** In the place of one of the same name for the same system. */
export function addPrefetched(database: Database.Database, { os, extension }: Prefetched): void {
  database
    .prepare(
      'INSERT OR REPLACE INTO prefetched (name, os, version, sha256, size, kind, source, "release", installed_at, allowed, health, owner, published) VALUES (@name, @os, @version, @sha256, @size, @kind, @source, @release, @installedAt, @allowed, @health, @owner, @published)',
    )
    .run({ os, ...columnsOf(extension) });
}

export function removePrefetched(database: Database.Database, { os, extension }: Prefetched): void {
  database.prepare('DELETE FROM prefetched WHERE name = ? AND os = ?').run(extension.name, os);
}
