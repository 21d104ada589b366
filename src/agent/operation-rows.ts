import type Database from 'better-sqlite3';

import type { ClassName } from '../core/extension-class.ts';
import type { AllowedRecord } from './allowed.ts';
import type {
  ExtensionChange,
  GenerationState,
  OperationEnd,
  OperationRecord,
  OperationResult,
  OperationStart,
  StepRecord,
  Verb,
} from './records.ts';

/** Operations and their steps in the history's database: what history.ts gives its transactions and errors. */

interface OperationRow {
  readonly id: number;
  readonly verb: Verb;
  readonly class: ClassName;
  readonly started_at: string;
  readonly uid: number;
  readonly login_uid: number | null;
  readonly command: string;
  readonly reason: string | null;
  readonly os: string;
  readonly systemd: string;
  readonly result: OperationResult;
  readonly state: GenerationState | null;
  readonly confirmed_at: string | null;
  readonly duration_ms: number | null;
  readonly error: string | null;
  readonly merged: string;
}

interface ChangeRow extends Omit<ExtensionChange, 'allowed'> {
  readonly allowed: string;
}

interface StepRow {
  readonly description: string;
  readonly reason: string;
  readonly started_at: string | null;
  readonly duration_ms: number | null;
  readonly said: string;
}

export function addOperation(database: Database.Database, start: OperationStart): number {
  const { actor } = start;
  const { lastInsertRowid } = database
    .prepare(
      'INSERT INTO operation (verb, class, started_at, uid, login_uid, command, reason, os, systemd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      start.verb,
      start.class ?? 'sysext',
      start.startedAt.toISOString(),
      actor.uid,
      actor.loginUid ?? null,
      actor.command,
      start.reason ?? null,
      start.os,
      start.systemd,
    );
  return Number(lastInsertRowid);
}

export function endOperation(database: Database.Database, id: number, end: OperationEnd): void {
  database
    .prepare('UPDATE operation SET result = ?, duration_ms = ?, error = ?, merged = ? WHERE id = ?')
    .run(end.result, end.durationMs, end.error ?? null, JSON.stringify(end.merged), id);
  const addChange = database.prepare(
    'INSERT INTO operation_extension (operation, name, version, sha256, source, change, allowed) VALUES (?, @name, @version, @sha256, @source, @change, @allowed)',
  );
  for (const extension of end.extensions)
    addChange.run(id, { ...extension, allowed: JSON.stringify(extension.allowed) });
  if (end.steps !== undefined) replaceSteps(database, id, end.steps);
}

export function replaceSteps(database: Database.Database, id: number, steps: readonly StepRecord[]): void {
  database.prepare('DELETE FROM operation_step WHERE operation = ?').run(id);
  const add = database.prepare(
    'INSERT INTO operation_step (operation, position, description, reason, started_at, duration_ms, said) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  for (const [position, { description, reason, startedAt, durationMs, said = [] }] of steps.entries()) {
    const time = [startedAt?.toISOString() ?? null, durationMs ?? null];
    add.run(id, position, description, reason, ...time, JSON.stringify(said));
  }
}

/**
 * Operations that never ended have no process any more: they were killed, and so is what they meant to put in force. Only
 * the newest can be such, since each looks for them before it begins.
 */
export const abandonment = `
  UPDATE generation SET state = 'failed' WHERE state = 'pending';
  UPDATE operation SET result = 'interrupted', error = 'the process that ran it was killed' WHERE id > coalesce(
    (SELECT id FROM operation WHERE result <> 'running' ORDER BY id DESC LIMIT 1), 0)`;

const selection = 'SELECT operation.*, state, confirmed_at FROM operation LEFT JOIN generation ON number = id';

export function latestOperations(database: Database.Database, limit: number): OperationRecord[] {
  return database
    .prepare<[number], OperationRow>(`${selection} ORDER BY id DESC LIMIT ?`)
    .all(limit)
    .map((row) => recordOf(row, changesOf(database, row.id)));
}

export function operationOf(database: Database.Database, id: number): OperationRecord | undefined {
  const row = database.prepare<[number], OperationRow>(`${selection} WHERE id = ?`).get(id);
  return row === undefined ? undefined : recordOf(row, changesOf(database, row.id));
}

/** The latest operation that changed the extension in one of these ways; to have merged it is no change. */
export function latestChange(
  database: Database.Database,
  name: string,
  changes: readonly Exclude<ExtensionChange['change'], 'merged'>[],
): OperationRecord | undefined {
  const row = database
    .prepare<[string, string], { operation: number }>(
      `SELECT operation FROM operation_extension WHERE name = ? AND change <> 'merged' AND change IN (SELECT value FROM json_each(?)) ORDER BY operation DESC LIMIT 1`,
    )
    .get(name, JSON.stringify(changes));
  return row === undefined ? undefined : operationOf(database, row.operation);
}

export function stepsOf(database: Database.Database, id: number): StepRecord[] {
  return database
    .prepare<[number], StepRow>(
      'SELECT description, reason, started_at, duration_ms, said FROM operation_step WHERE operation = ? ORDER BY position',
    )
    .all(id)
    .map(({ description, reason, started_at, duration_ms, said }) => ({
      description,
      reason,
      ...(said === '[]' ? {} : { said: JSON.parse(said) as string[] }),
      ...(started_at === null ? {} : { startedAt: new Date(started_at) }),
      ...(duration_ms === null ? {} : { durationMs: duration_ms }),
    }));
}

function changesOf(database: Database.Database, id: number): ExtensionChange[] {
  return database
    .prepare<[number], ChangeRow>(
      'SELECT name, version, sha256, source, change, allowed FROM operation_extension WHERE operation = ? ORDER BY name',
    )
    .all(id)
    .map(({ allowed, ...row }) => ({ ...row, allowed: JSON.parse(allowed) as AllowedRecord[] }));
}

function recordOf(row: OperationRow, extensions: readonly ExtensionChange[]): OperationRecord {
  return {
    id: row.id,
    verb: row.verb,
    ...(row.class === 'confext' ? { class: row.class } : {}),
    startedAt: new Date(row.started_at),
    actor: { uid: row.uid, command: row.command, ...(row.login_uid === null ? {} : { loginUid: row.login_uid }) },
    ...(row.reason === null ? {} : { reason: row.reason }),
    os: row.os,
    systemd: row.systemd,
    result: row.result,
    ...(row.state === null ? {} : { state: row.state }),
    ...(row.confirmed_at === null ? {} : { confirmedAt: new Date(row.confirmed_at) }),
    ...(row.duration_ms === null ? {} : { durationMs: row.duration_ms }),
    ...(row.error === null ? {} : { error: row.error }),
    merged: JSON.parse(row.merged) as string[],
    extensions,
  };
}
