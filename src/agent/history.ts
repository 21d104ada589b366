import Database from 'better-sqlite3';
import { dirname } from 'node:path';

import { fileStatus, makeDirectory } from '../host/files.ts';
import type { AllowedRecord } from './allowed.ts';
import { historyError, migrate, schemaVersion } from './history-schema.ts';

export type Verb = 'install' | 'remove' | 'merge' | 'unmerge' | 'refresh';

/** Who asked for an operation. */
export interface Actor {
  readonly uid: number;
  /** The user who logged in, where that is another one (sudo); from the kernel's audit record. */
  readonly loginUid?: number;
  readonly command: string;
}

/** An extension that an operation changed, or found merged afterwards. */
export interface ExtensionChange {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly source: string;
  readonly change: 'added' | 'replaced' | 'removed' | 'kept' | 'merged';
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
}

export interface OperationStart {
  readonly verb: Verb;
  readonly startedAt: Date;
  readonly actor: Actor;
  /** The host's system as `ID VERSION_ID`. */
  readonly os: string;
  /** Version of systemd-sysext, such as `257.13`. */
  readonly systemd: string;
}

export type OperationResult = 'running' | 'done' | 'failed' | 'interrupted';

export interface OperationEnd {
  readonly result: Exclude<OperationResult, 'running'>;
  readonly durationMs: number;
  readonly error?: string;
  /** Names merged when the operation had ended. */
  readonly merged: readonly string[];
  readonly extensions: readonly ExtensionChange[];
}

export interface OperationRecord extends OperationStart {
  readonly id: number;
  readonly result: OperationResult;
  readonly durationMs?: number;
  readonly error?: string;
  readonly merged: readonly string[];
  readonly extensions: readonly ExtensionChange[];
}

/** An extension that this agent installed, and the image that fills it. */
export interface InstalledExtension {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly size: number;
  readonly kind: 'raw' | 'directory';
  readonly source: string;
  /** Text of the extension-release file that counts for it; empty where it has none. */
  readonly release: string;
  readonly installedAt: Date;
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
}

/** The record of what was done. An index: what is on disk stays usable when it is lost. */
export interface History extends Disposable {
  begin(start: OperationStart): number;
  /** Ends an operation and records what is installed from now on, in one transaction. */
  finish(id: number, end: OperationEnd, installed?: readonly InstalledExtension[]): void;
  /** Records what is installed outside of any operation: what was found in place after the record was lost. */
  adopt(installed: readonly InstalledExtension[]): void;
  /** Marks operations as interrupted that never ended, since the process that ran them is gone. */
  abandonRunning(): void;
  /** The latest operations, newest first. */
  operations(limit: number): OperationRecord[];
  installed(): InstalledExtension[];
}

/** Milliseconds to wait for a process that is just writing it. */
const timeout = 5000;

/**
 * Opens the history, creating or migrating it where `writable`.
 * A rollback journal and not WAL: only then can users other than root read a history that nobody has open.
 * @throws AgentError `io` where it is corrupt or of a newer agent, `read-only`, `disk-full`; so do its methods.
 */
export function openHistory(path: string, { writable }: { readonly writable: boolean }): History {
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw historyError(path, error);
    }
  };
  return historyOf(
    guard(() => (writable ? openToWrite(path) : openToRead(path))),
    guard,
  );
}

function openToWrite(path: string): Database.Database {
  makeDirectory(dirname(path));
  const database = new Database(path, { timeout });
  database.pragma('synchronous = FULL');
  migrate(database);
  return database;
}

/** A history that does not exist, or that a killed process had just begun, reads as an empty one. */
function openToRead(path: string): Database.Database {
  const database = fileStatus(path) === undefined ? undefined : openExisting(path);
  if (database !== undefined && schemaVersion(database) > 0) return database;
  database?.close();
  const empty = new Database(':memory:');
  migrate(empty);
  return empty;
}

/** Only who may write can roll back the transaction of a killed process, and without that nothing can be read. */
function openExisting(path: string): Database.Database {
  const database = new Database(path, { readonly: true, timeout });
  try {
    schemaVersion(database);
    return database;
  } catch (error) {
    database.close();
    if ((error as { readonly code?: string }).code !== 'SQLITE_READONLY_ROLLBACK') throw error;
    return new Database(path, { fileMustExist: true, timeout });
  }
}

interface OperationRow {
  readonly id: number;
  readonly verb: Verb;
  readonly started_at: string;
  readonly uid: number;
  readonly login_uid: number | null;
  readonly command: string;
  readonly os: string;
  readonly systemd: string;
  readonly result: OperationResult;
  readonly duration_ms: number | null;
  readonly error: string | null;
  readonly merged: string;
}

interface WithAllowed {
  /** Missing where an older agent wrote the history and this one may only read it. */
  readonly allowed?: string;
}

interface ChangeRow extends Omit<ExtensionChange, 'allowed'>, WithAllowed {
  readonly operation: number;
}

interface InstalledRow extends Omit<InstalledExtension, 'installedAt' | 'allowed'>, WithAllowed {
  readonly installed_at: string;
}

function historyOf(database: Database.Database, guard: <T>(work: () => T) => T): History {
  const changesOf = (id: number) =>
    database
      .prepare<[number], ChangeRow>('SELECT * FROM operation_extension WHERE operation = ? ORDER BY name')
      .all(id)
      .map(changeOf);
  const finish = database.transaction(
    (id: number, end: OperationEnd, installed: readonly InstalledExtension[] | undefined) => {
      database
        .prepare('UPDATE operation SET result = ?, duration_ms = ?, error = ?, merged = ? WHERE id = ?')
        .run(end.result, end.durationMs, end.error ?? null, JSON.stringify(end.merged), id);
      const addChange = database.prepare(
        'INSERT INTO operation_extension (operation, name, version, sha256, source, change, allowed) VALUES (?, @name, @version, @sha256, @source, @change, @allowed)',
      );
      for (const extension of end.extensions) {
        addChange.run(id, { ...extension, allowed: JSON.stringify(extension.allowed) });
      }
      if (installed !== undefined) replaceInstalled(database, installed);
    },
  );
  const adopt = database.transaction((installed: readonly InstalledExtension[]) => {
    replaceInstalled(database, installed);
  });
  return {
    begin: (start) => guard(() => begin(database, start)),
    finish: (id, end, installed) => {
      guard(() => {
        finish(id, end, installed);
      });
    },
    adopt: (installed) => {
      guard(() => {
        adopt(installed);
      });
    },
    abandonRunning: () => {
      guard(() => database.prepare(abandonment).run());
    },
    operations: (limit) =>
      guard(() =>
        database
          .prepare<[number], OperationRow>('SELECT * FROM operation ORDER BY id DESC LIMIT ?')
          .all(limit)
          .map((row) => recordOf(row, changesOf(row.id))),
      ),
    installed: () =>
      guard(() => database.prepare<[], InstalledRow>('SELECT * FROM installed ORDER BY name').all().map(installedOf)),
    [Symbol.dispose]: () => {
      database.close();
    },
  };
}

const abandonment = `
  UPDATE operation SET result = 'interrupted', error = 'the process that ran it was killed' WHERE result = 'running'`;

function begin(database: Database.Database, start: OperationStart): number {
  const { actor } = start;
  const { lastInsertRowid } = database
    .prepare(
      'INSERT INTO operation (verb, started_at, uid, login_uid, command, os, systemd) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      start.verb,
      start.startedAt.toISOString(),
      actor.uid,
      actor.loginUid ?? null,
      actor.command,
      start.os,
      start.systemd,
    );
  return Number(lastInsertRowid);
}

function replaceInstalled(database: Database.Database, installed: readonly InstalledExtension[]): void {
  database.prepare('DELETE FROM installed').run();
  const add = database.prepare(
    'INSERT INTO installed (name, version, sha256, size, kind, source, "release", installed_at, allowed) VALUES (@name, @version, @sha256, @size, @kind, @source, @release, @installedAt, @allowed)',
  );
  for (const { installedAt, allowed, ...extension } of installed) {
    add.run({ ...extension, installedAt: installedAt.toISOString(), allowed: JSON.stringify(allowed) });
  }
}

function installedOf({ installed_at, allowed, ...row }: InstalledRow): InstalledExtension {
  return { ...row, installedAt: new Date(installed_at), allowed: allowedIn(allowed) };
}

function changeOf({ name, version, sha256, source, change, allowed }: ChangeRow): ExtensionChange {
  return { name, version, sha256, source, change, allowed: allowedIn(allowed) };
}

function allowedIn(json = '[]'): readonly AllowedRecord[] {
  return JSON.parse(json) as AllowedRecord[];
}

function recordOf(row: OperationRow, extensions: readonly ExtensionChange[]): OperationRecord {
  return {
    id: row.id,
    verb: row.verb,
    startedAt: new Date(row.started_at),
    actor: { uid: row.uid, command: row.command, ...(row.login_uid === null ? {} : { loginUid: row.login_uid }) },
    os: row.os,
    systemd: row.systemd,
    result: row.result,
    ...(row.duration_ms === null ? {} : { durationMs: row.duration_ms }),
    ...(row.error === null ? {} : { error: row.error }),
    merged: JSON.parse(row.merged) as string[],
    extensions,
  };
}
