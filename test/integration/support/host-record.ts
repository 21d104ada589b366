import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import Database from 'better-sqlite3';

/** What the history of a machine says, read from outside: `inside` is its root as its processes see it. */

/** What is in force, was, is held, waits or is refused: all that the record says but for the operations themselves. */
const looks = [
  `SELECT * FROM generation WHERE state NOT IN ('failed', 'pending') ORDER BY number`,
  `SELECT * FROM generation_extension WHERE generation IN
     (SELECT number FROM generation WHERE state NOT IN ('failed', 'pending')) ORDER BY generation, name`,
  'SELECT * FROM hold ORDER BY name',
  'SELECT * FROM boot ORDER BY boot_id',
  'SELECT * FROM bad_image ORDER BY sha256',
  'SELECT * FROM prefetched ORDER BY name',
];

/** A line for each row. */
export function recordOf(inside: string): string[] {
  return looks.flatMap((look) => rows(inside, look)).map((row) => JSON.stringify(row));
}

/** The operations that it tells of, oldest first: `install done`. */
export function deedsIn(inside: string): string[] {
  const operations = rows(inside, 'SELECT verb, result FROM operation ORDER BY id') as {
    verb: string;
    result: string;
  }[];
  return operations.map(({ verb, result }) => `${verb} ${result}`);
}

/** Of a copy in memory: SQLite would follow the root of another process to the one of this host. */
function rows(inside: string, query: string): unknown[] {
  const path = join(inside, 'var/lib/sysext-agent/history.db');
  if (!existsSync(path)) return [];
  if (existsSync(`${path}-journal`)) return [{ unfinished: 'a transaction was neither ended nor put back' }];
  const database = new Database(readFileSync(path));
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}
