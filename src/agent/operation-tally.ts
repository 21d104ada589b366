import type Database from 'better-sqlite3';

import type { OperationResult, OperationTally, Verb } from './records.ts';

interface CountRow {
  readonly verb: Verb;
  readonly result: Exclude<OperationResult, 'running'>;
  readonly count: number;
}

interface LatestRow {
  readonly id: number;
  readonly verb: Verb;
  readonly result: Exclude<OperationResult, 'running'>;
  readonly started_at: string;
  readonly duration_ms: number;
}

const counts = `
  SELECT verb, result, count(*) AS count FROM operation WHERE result <> 'running' GROUP BY verb, result ORDER BY verb, result`;

const latest = `
  SELECT id, verb, result, started_at, coalesce(duration_ms, 0) AS duration_ms FROM operation
  WHERE id IN (SELECT max(id) FROM operation WHERE result <> 'running' GROUP BY verb, result) ORDER BY verb, result`;

/** Steps are read from the last operation on: the first found ends it. */
const merge = `
  SELECT duration_ms FROM operation_step
  WHERE description LIKE 'systemd-sysext %' AND duration_ms IS NOT NULL ORDER BY operation DESC, position DESC LIMIT 1`;

/** What the operations that ended add up to. */
export function operationTally(database: Database.Database): OperationTally {
  const [rolledBack = 0] = database
    .prepare<[], number>("SELECT count(*) FROM generation WHERE state = 'rolled-back'")
    .pluck()
    .all();
  const [mergeMs] = database.prepare<[], number>(merge).pluck().all();
  return {
    counts: database.prepare<[], CountRow>(counts).all(),
    latest: database.prepare<[], LatestRow>(latest).all().map(ended),
    rolledBack,
    ...(mergeMs === undefined ? {} : { mergeMs }),
  };
}

function ended({ id, verb, result, started_at, duration_ms }: LatestRow): OperationTally['latest'][number] {
  return { id, verb, result, durationMs: duration_ms, endedAt: new Date(Date.parse(started_at) + duration_ms) };
}
