import type Database from 'better-sqlite3';

import { AgentError, messageOf, type ErrorCode } from '../core/errors.ts';

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
  `
  ALTER TABLE operation_extension ADD COLUMN allowed TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE installed ADD COLUMN allowed TEXT NOT NULL DEFAULT '[]';
  `,
];

/**
 * Brings the schema up to this agent's version; SQLite's user_version counts the scripts that ran.
 * @throws AgentError `io` where a newer agent wrote it.
 */
export function migrate(database: Database.Database): void {
  const version = schemaVersion(database);
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

/** How many of the scripts ran on this database; SQLite's user_version. 0 for a file that is still empty. */
export function schemaVersion(database: Database.Database): number {
  return Number(database.pragma('user_version', { simple: true }));
}

/** What the codes of SQLite mean to the user (sqlite.org/rescode.html), by how they begin. */
const meanings: readonly (readonly [prefix: string, code: ErrorCode, what: string, next?: string])[] = [
  ['SQLITE_FULL', 'disk-full', 'there is no space left for', 'Free some space on that file system, then try again.'],
  ['SQLITE_READONLY_ROLLBACK', 'read-only', 'a killed process was writing', 'Run the command once as root.'],
  ['SQLITE_READONLY', 'read-only', 'cannot write', 'Make that file system writable, then try again.'],
  ['SQLITE_CANTOPEN', 'io', 'cannot open'],
  ['SQLITE_IOERR', 'io', 'cannot read or write'],
  ['SQLITE_BUSY', 'busy', 'another process is using', 'Try again when it has ended.'],
];

/** Gives a failure of the database at `path` our words. */
export function historyError(path: string, error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  const { code = '' } = error as { readonly code?: string };
  const [, meaning, what, next] = meanings.find(([prefix]) => code.startsWith(prefix)) ?? [];
  if (meaning !== undefined) {
    return new AgentError(meaning, `${what} the history ${path}: ${messageOf(error)}`, {
      cause: error,
      ...(next === undefined ? {} : { next }),
    });
  }
  return new AgentError('io', `the history ${path} cannot be used: ${messageOf(error)}`, {
    cause: error,
    left: 'Images and merged extensions do not depend on it and stay as they are.',
    next: `Move ${path} away: a new history begins, and the extensions stay installed.`,
  });
}
