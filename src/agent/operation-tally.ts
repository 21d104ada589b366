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

const counts = 'SELECT verb, result, count FROM tally ORDER BY verb, result';

const latest = `
  SELECT id, operation.verb, operation.result, started_at, coalesce(duration_ms, 0) AS duration_ms
  FROM tally JOIN operation ON id = latest ORDER BY tally.verb, tally.result`;

/** What the operations that ended add up to: read where it is kept (tally-schema.ts), however many there are. */
export function operationTally(database: Database.Database): OperationTally {
  const total = database.prepare<[string], number>('SELECT value FROM tally_total WHERE name = ?').pluck();
  const mergeMs = total.get('merge-ms');
  return {
    counts: database.prepare<[], CountRow>(counts).all(),
    latest: database.prepare<[], LatestRow>(latest).all().map(ended),
    rolledBack: total.get('rolled-back') ?? 0,
    ...(mergeMs === undefined ? {} : { mergeMs }),
  };
}

function ended({ id, verb, result, started_at, duration_ms }: LatestRow): OperationTally['latest'][number] {
  return { id, verb, result, durationMs: duration_ms, endedAt: new Date(Date.parse(started_at) + duration_ms) };
}
