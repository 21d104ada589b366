import type Database from 'better-sqlite3';

import { messageOf } from '../core/errors.ts';
import { fileStatus } from '../host/files.ts';
import { openExisting } from './history-file.ts';
import { historyError, refuseNewer } from './history-schema.ts';

/** Failures that say nothing about what is in the file. */
const noDamage = /^SQLITE_(BUSY|CANTOPEN|FULL|IOERR|READONLY|LOCKED|PERM|AUTH)/;

/**
 * Looks through the whole history for damage.
 * @returns what is wrong with it; undefined where it is sound, empty, or not there.
 * @throws AgentError `io` where a newer agent wrote it, or it cannot be read at all.
 */
export function damageOf(path: string): string | undefined {
  const status = fileStatus(path);
  if (status === undefined) return undefined;
  if (!status.isFile()) return 'it is no file';
  try {
    const database = openExisting(path);
    try {
      refuseNewer(database);
      return firstDamage(database);
    } finally {
      database.close();
    }
  } catch (error) {
    const { code = '' } = error as { readonly code?: string };
    if (!code.startsWith('SQLITE_') || noDamage.test(code)) throw historyError(path, error);
    return messageOf(error);
  }
}

function firstDamage(database: Database.Database): string | undefined {
  const [found] = database.pragma('integrity_check(1)') as readonly { readonly integrity_check: string }[];
  if (found?.integrity_check !== 'ok') return found?.integrity_check ?? 'SQLite gives no answer';
  const [orphan] = database.pragma('foreign_key_check') as readonly { readonly table: string }[];
  return orphan === undefined ? undefined : `a row of ${orphan.table} belongs to nothing`;
}
