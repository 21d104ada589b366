import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import Database from 'better-sqlite3';

import { migrate } from '../../src/agent/history-schema.ts';
import { openHistory, type History } from '../../src/agent/history.ts';
import { ratio, type Result } from './result.ts';
import { median, medians } from './timing.ts';

const [many, few] = [1_000_000, 10];

/** A history where one operation in ten changed the set of two extensions, and the others merged it again. */
const filling = `
  INSERT INTO operation (id, verb, started_at, uid, command, os, systemd, result, duration_ms, merged)
  SELECT value, iif(value % 10 = 1, 'install', 'refresh'), strftime('%Y-%m-%dT%H:%M:%fZ', 1600000000 + value * 60, 'unixepoch'),
    0, 'sysext-agent refresh', 'debian 13', '257.13', 'done', 120, '["a","b"]' FROM numbers;

  INSERT INTO generation (number, parent, state)
  SELECT id, nullif(id - 10, -9), iif(lead(id) OVER (ORDER BY id) IS NULL, 'active', 'superseded')
  FROM operation WHERE verb = 'install';

  INSERT INTO operation_extension (operation, name, version, sha256, source, change)
  SELECT id, name, id, printf('%064x', id), '/srv/' || name, iif(verb = 'install', 'replaced', 'merged')
  FROM operation JOIN (SELECT 'a' AS name UNION SELECT 'b');

  INSERT INTO generation_extension (generation, name, version, sha256, size, kind, source, "release", installed_at, allowed)
  SELECT number, name, number, printf('%064x', number), 4096, 'raw', '/srv/' || name, 'ID=_any', started_at, '[]'
  FROM generation JOIN operation ON id = number JOIN (SELECT 'a' AS name UNION SELECT 'b');

  INSERT INTO operation_step (operation, position, description, reason, started_at, duration_ms)
  SELECT id, 0, 'systemd-sysext refresh', 'it was asked for', started_at, 100 FROM operation;`;

/** A root directory with a history of so many operations. */
function rootWith(root: string, count: number): string {
  rmSync(root, { recursive: true, force: true });
  for (const directory of ['etc', 'usr', 'opt', 'var/lib/sysext-agent'])
    mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
  const database = new Database(historyIn(root));
  database.pragma('synchronous = OFF');
  migrate(database);
  const numbers = `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ${count}) SELECT value FROM n`;
  database.transaction(() => {
    database.exec(`CREATE TEMP TABLE numbers AS ${numbers}; ${filling}`);
  })();
  database.close();
  return root;
}

function historyIn(root: string): string {
  return join(root, 'var/lib/sysext-agent/history.db');
}

/** (h): what looks into a history of a million operations, against the same with ten. */
export function historyResults(work: string, agent: readonly string[], runs: number): Result[] {
  const roots = { large: rootWith(join(work, 'many'), many), small: rootWith(join(work, 'few'), few) };
  const commands = (...args: readonly string[]) => {
    const { large, small } = medians(
      {
        large: { argv: [...agent, ...args, `--root=${roots.large}`] },
        small: { argv: [...agent, ...args, `--root=${roots.small}`] },
      },
      runs,
    );
    return ratio(`(h) ${args.join(' ')}: ${many} operations / ${few}`, large, small, 1.2);
  };
  return [
    commands('history', '-n', String(few)),
    commands('history', '7'),
    commands('diff', '1', '10'),
    commands('list'),
    commands('metrics'),
    commands('gc'),
    inProcess(historyIn(roots.large), historyIn(roots.small)),
  ];
}

/** The queries alone, by a process that has both histories open: each time is that of a hundred of them. */
function inProcess(large: string, small: string): Result {
  using one = openHistory(large, { writable: false });
  using other = openHistory(small, { writable: false });
  const times = { large: [] as number[], small: [] as number[] };
  for (let run = 0; run < 200; run++) {
    times.large.push(timed(one));
    times.small.push(timed(other));
  }
  const what = `(h') a hundred queries for the latest ${few} in process: ${many} operations / ${few}`;
  return ratio(what, median(times.large), median(times.small), 1.2);
}

function timed(history: History): number {
  const start = performance.now();
  for (let query = 0; query < 100; query++) history.operations(few);
  return performance.now() - start;
}
