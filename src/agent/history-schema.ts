import type Database from 'better-sqlite3';

import { AgentError } from '../core/errors.ts';

/** One script per version of the schema, in order; a script that shipped is never changed, the next one is added. */
const migrations: readonly string[] = [
  `
  CREATE TABLE operation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    verb TEXT NOT NULL,
    started_at TEXT NOT NULL,
    uid INTEGER NOT NULL,
    login_uid INTEGER,
    command TEXT NOT NULL,
    os TEXT NOT NULL,
    systemd TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT 'running',
    duration_ms INTEGER,
    error TEXT,
    merged TEXT NOT NULL DEFAULT '[]'
  ) STRICT;

  CREATE TABLE operation_extension (
    operation INTEGER NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    source TEXT NOT NULL,
    change TEXT NOT NULL,
    PRIMARY KEY (operation, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE installed (
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    "release" TEXT NOT NULL,
    installed_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/**
 * Brings the schema up to this agent's version; SQLite's user_version counts the scripts that ran.
 * @throws AgentError `io` where a newer agent wrote it.
 */
export function migrate(database: Database.Database): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > migrations.length) {
    throw new AgentError(
      'io',
      `the history was written by a newer sysext-agent (schema ${version}, this one knows ${migrations.length})`,
      {
        left: 'Nothing was changed.',
        next: 'Install that newer version again, or move the history away.',
      },
    );
  }
  for (const [index, script] of migrations.slice(version).entries()) {
    database.transaction(() => {
      database.exec(script);
      database.pragma(`user_version = ${version + index + 1}`);
    })();
  }
}
