import Database from 'better-sqlite3';
import { dirname } from 'node:path';

import { fileStatus, makeDirectory } from '../host/files.ts';
import { isAsLeft } from './history-note.ts';
import { checkIntegrity, migrate, newestSchema, schemaVersion } from './history-schema.ts';

/** Opens the file of the history: to write, as this agent has it; to read, whatever an older one or a killed process left. */

/** Milliseconds to wait for a process that is just writing it. */
const timeout = 5000;

/**
 * Creates or migrates it, and looks through it unless it is as the last writer left it.
 * @param note the file that says how that was.
 */
export function openToWrite(path: string, note: string | undefined): Database.Database {
  makeDirectory(dirname(path));
  const asLeft = note !== undefined && isAsLeft(path, note);
  const database = new Database(path, { timeout });
  try {
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    if (!asLeft) checkIntegrity(database, path);
    migrate(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A history that does not exist, or that a killed process had just begun, reads as an empty one; what an older agent
 * wrote reads as if it had been migrated, which only a writer may do on the disk.
 */
export function openToRead(path: string): Database.Database {
  const database = fileStatus(path) === undefined ? undefined : openExisting(path);
  const version = database === undefined ? 0 : schemaVersion(database);
  if (database !== undefined && version >= newestSchema) return database;
  const copy = new Database(version === 0 ? ':memory:' : database?.serialize());
  database?.close();
  migrate(copy);
  return copy;
}

/** Only who may write can roll back the transaction of a killed process, and without that nothing can be read. */
export function openExisting(path: string): Database.Database {
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
