import Database from 'better-sqlite3';

import { messageOf } from '../core/errors.ts';
import { historyError } from './history-schema.ts';

/** What could be read of one table of a damaged history. */
export interface SalvagedTable {
  readonly table: string;
  readonly rows: number;
  /** Why not all of it; absent where all rows were read. */
  readonly why?: string;
}

type Row = readonly unknown[];

/** A part of a table that could not be read, by the first column of its key; an end that is not known is absent. */
interface Gap {
  readonly from?: unknown;
  readonly to?: unknown;
}

/**
 * Copies what SQLite can still read of the history `from` into the one at `to`, which has its tables and nothing in them.
 * Each table is read from its beginning and, where that ends in damage, from its end. Columns are taken by their names:
 * those that only one of the two has are left out. What makes no sense is left out too, and so is a set of extensions
 * that may not be whole.
 * @throws AgentError where `to` cannot be written.
 */
export function salvage(from: string, to: string): SalvagedTable[] {
  const target = new Database(to);
  try {
    target.pragma('foreign_keys = OFF');
    return target.transaction(() => {
      const salvaged = copyTables(from, target);
      for (const statement of tidying) target.exec(statement);
      return salvaged.map((table) => ({ ...table, rows: countOf(target, table.table) }));
    })();
  } catch (error) {
    throw historyError(to, error);
  } finally {
    target.close();
  }
}

function copyTables(from: string, target: Database.Database): Omit<SalvagedTable, 'rows'>[] {
  const opened = openSource(from);
  // What operations add up to follows from them, by triggers.
  const tables = namesOf(
    target,
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'tally%'`,
  );
  if (typeof opened === 'string') return tables.map((table) => ({ table, why: opened }));
  try {
    return tables.map((table) => {
      const why = copyTable(opened, target, table);
      return { table, ...(why === undefined ? {} : { why }) };
    });
  } finally {
    opened.close();
  }
}

/** Without its schema nothing in a database can be found. */
function openSource(path: string): Database.Database | string {
  try {
    const database = new Database(path, { readonly: true });
    database.defaultSafeIntegers(true);
    try {
      database.prepare('SELECT count(*) FROM sqlite_schema').get();
      return database;
    } catch (error) {
      database.close();
      return messageOf(error);
    }
  } catch (error) {
    return messageOf(error);
  }
}

/** @returns why not all of the table could be copied. */
function copyTable(source: Database.Database, target: Database.Database, table: string): string | undefined {
  const columns = commonColumns(source, target, table);
  if (typeof columns === 'string') {
    dropSets(target, table, [{}]);
    return columns;
  }
  const key = namesOf(target, `SELECT name FROM pragma_table_info('${table}') WHERE pk > 0 ORDER BY pk`);
  const add = adder(target, table, columns);
  const first = copyRows(source, `${selectOf(table, columns)} ORDER BY ${listed(key)}`, add);
  if (first.why === undefined && first.refused.length === 0) return undefined;
  const second =
    first.why === undefined
      ? first
      : copyRows(source, `${selectOf(table, columns)} ORDER BY ${listed(key, ' DESC')}`, add);
  const at = columns.indexOf(key[0] ?? '');
  dropSets(target, table, [
    ...(first.why === undefined ? [] : [{ from: first.last?.[at], to: second.last?.[at] }]),
    ...[...first.refused, ...second.refused].map((row) => ({ from: row[at], to: row[at] })),
  ]);
  return first.why ?? 'some of its rows make no sense';
}

/** A set of extensions of which one may be missing is none to go back to. */
function dropSets(target: Database.Database, table: string, gaps: readonly Gap[]): void {
  if (table !== 'generation_extension') return;
  const drop = target.prepare(
    'DELETE FROM generation WHERE number >= coalesce(?, 0) AND number <= coalesce(?, number)',
  );
  for (const { from, to } of gaps) drop.run(from ?? null, to ?? null);
}

function commonColumns(source: Database.Database, target: Database.Database, table: string): string[] | string {
  try {
    const sql = `SELECT name FROM pragma_table_info('${table}')`;
    const known = namesOf(source, sql);
    return known.length === 0 ? 'it is not there' : namesOf(target, sql).filter((name) => known.includes(name));
  } catch (error) {
    return messageOf(error);
  }
}

interface Copied {
  /** The last row that was read. */
  readonly last?: Row;
  /** Rows that no history could have. */
  readonly refused: readonly Row[];
  /** What ended it before all was read. */
  readonly why?: string;
}

function copyRows(source: Database.Database, sql: string, add: (row: Row) => boolean): Copied {
  const refused: Row[] = [];
  let last: Row | undefined;
  for (const result of readable(source, sql)) {
    if ('why' in result) return { ...(last === undefined ? {} : { last }), refused, why: result.why };
    last = result.row;
    if (!add(result.row)) refused.push(result.row);
  }
  return { ...(last === undefined ? {} : { last }), refused };
}

/** The rows up to the first that cannot be read, then why. */
function* readable(
  source: Database.Database,
  sql: string,
): Generator<{ readonly row: Row } | { readonly why: string }> {
  try {
    const rows = source.prepare<[], Row>(sql).raw().iterate();
    for (let next = rows.next(); next.done !== true; next = rows.next()) yield { row: next.value };
  } catch (error) {
    yield { why: messageOf(error) };
  }
}

/** Adds one row; one that is there already stays. Tells whether it can be one at all. */
function adder(target: Database.Database, table: string, columns: readonly string[]): (row: Row) => boolean {
  const places = columns.map(() => '?').join(', ');
  const insert = target.prepare(`INSERT OR IGNORE INTO "${table}" (${listed(columns)}) VALUES (${places})`);
  return (row) => {
    try {
      insert.run(...row);
      return true;
    } catch (error) {
      if ((error as { readonly code?: string }).code?.startsWith('SQLITE_CONSTRAINT') === true) return false;
      throw error;
    }
  };
}

function selectOf(table: string, columns: readonly string[]): string {
  return `SELECT ${listed(columns)} FROM "${table}"`;
}

function listed(names: readonly string[], order = ''): string {
  return names.map((name) => `"${name}"${order}`).join(', ');
}

function namesOf(database: Database.Database, sql: string): string[] {
  return database.prepare<[], string>(sql).pluck().all();
}

function countOf(database: Database.Database, table: string): number {
  return database.prepare<[], number>(`SELECT count(*) FROM "${table}"`).pluck().get() ?? 0;
}

const isNoList = (column: string) => `iif(json_valid(${column}), json_type(${column}) <> 'array', true)`;

const isNoOwner = `iif(json_valid(owner), coalesce(json_extract(owner, '$.kind'), '') NOT IN ('person', 'unknown')
  AND (coalesce(json_type(owner, '$.files'), '') <> 'array' OR coalesce(json_type(owner, '$.definition'), '') <> 'text'), true)`;

const isNoPublished = `iif(json_valid(published), published <> 'null' AND coalesce(json_type(published, '$.from'), '') <> 'text', true)`;

/** Takes out what nothing that reads a history could make sense of, and what belongs to something that is gone. */
const tidying: readonly string[] = [
  'DELETE FROM operation WHERE julianday(started_at) IS NULL',
  `UPDATE operation SET merged = '[]' WHERE ${isNoList('merged')}`,
  `UPDATE operation_extension SET allowed = '[]' WHERE ${isNoList('allowed')}`,
  `UPDATE generation_extension SET allowed = '[]' WHERE ${isNoList('allowed')}`,
  `UPDATE generation_extension SET owner = '{"kind":"unknown"}' WHERE ${isNoOwner}`,
  `UPDATE generation_extension SET published = 'null' WHERE ${isNoPublished}`,
  'UPDATE operation_step SET started_at = NULL WHERE julianday(started_at) IS NULL',
  'DELETE FROM hold WHERE julianday(since) IS NULL',
  'DELETE FROM bad_image WHERE julianday(since) IS NULL',
  'UPDATE generation SET confirmed_at = NULL WHERE julianday(confirmed_at) IS NULL',
  // What has not come yet can be fetched again.
  'DELETE FROM prefetched',
  'DELETE FROM generation WHERE number NOT IN (SELECT id FROM operation)',
  `DELETE FROM generation WHERE number IN (SELECT generation FROM generation_extension WHERE julianday(installed_at) IS NULL
     OR length(sha256) <> 64 OR sha256 GLOB '*[^0-9a-f]*' OR name GLOB '*/*' OR kind NOT IN ('raw', 'directory'))`,
  'DELETE FROM generation_extension WHERE generation NOT IN (SELECT number FROM generation)',
  'DELETE FROM operation_extension WHERE operation NOT IN (SELECT id FROM operation)',
  'DELETE FROM operation_step WHERE operation NOT IN (SELECT id FROM operation)',
];
