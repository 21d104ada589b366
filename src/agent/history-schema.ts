import type Database from 'better-sqlite3';

import { AgentError, messageOf, type ErrorCode } from '../core/errors.ts';
import { writeAtomically } from '../host/files.ts';
import { bootScript } from './boot-schema.ts';
import { generationScript } from './generation-schema.ts';
import { healthScript } from './health-schema.ts';
import { ownerScript } from './owner.ts';
import { publishedScript } from './published-record.ts';
import { tallyScript } from './tally-schema.ts';

/** One script per version of the schema, in order; a script that shipped is never changed, the next one is added. */
export const migrations: readonly string[] = [
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
  generationScript,
  healthScript,
  // Most of what an operation notes of extensions is that they were merged: what looks for changes passes over that.
  `
  DROP INDEX change_by_name;
  CREATE INDEX change_by_name ON operation_extension (name, operation) WHERE change <> 'merged';
  `,
  ownerScript,
  bootScript,
  publishedScript,
  tallyScript,
  // All before were about system extensions.
  "ALTER TABLE operation ADD COLUMN class TEXT NOT NULL DEFAULT 'sysext'",
];

/** The version of the schema that this agent writes. */
export const newestSchema = migrations.length;

/**
 * Brings the schema up to this agent's version; SQLite's user_version counts the scripts that ran. What an older agent
 * wrote is copied first, to `PATH.before-N`, where N is the version that it gets.
 * @param path where the database is; undefined for one in memory.
 * @throws AgentError `io` where a newer agent wrote it.
 */
export function migrate(database: Database.Database, path?: string): void {
  const version = refuseNewer(database);
  if (path !== undefined && version > 0 && version < migrations.length) {
    writeAtomically(`${path}.before-${migrations.length}`, database.serialize());
  }
  for (const [index, script] of migrations.slice(version).entries()) {
    database.transaction(() => {
      database.exec(script);
      database.pragma(`user_version = ${version + index + 1}`);
    })();
  }
}

/**
 * The version of the schema, where this agent can read it.
 * @throws AgentError `io` where a newer agent wrote it.
 */
export function refuseNewer(database: Database.Database): number {
  const version = schemaVersion(database);
  if (version <= migrations.length) return version;
  throw new AgentError(
    'io',
    `the history was written by a newer sysext-agent (schema ${version}, this one knows ${migrations.length})`,
    {
      left: 'Nothing was changed.',
      next: 'Install that newer version again, or move the history away.',
    },
  );
}

/**
 * Looks through the whole file for damage, before anything is written to it.
 * @throws AgentError `io` where SQLite finds some.
 */
export function checkIntegrity(database: Database.Database, path: string): void {
  const found = database.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw unusable(path, String(found));
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
  return unusable(path, messageOf(error), error);
}

function unusable(path: string, why: string, cause?: unknown): AgentError {
  return new AgentError('io', `the history ${path} cannot be used: ${why}`, {
    cause,
    left: 'Images and merged extensions do not depend on it and stay as they are.',
    next: '`sysext-agent doctor --rebuild` keeps what can be read of it and begins anew; the extensions stay installed.',
  });
}
