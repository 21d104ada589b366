import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { migrations, newestSchema } from '../../../src/agent/history-schema.ts';
import { openHistory } from '../../../src/agent/history.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(directory, 'history.db');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

type Change = readonly [name: string, version: string, change: string];

/** Writes a history as the first release did, that kept only what is installed in the end. */
function writeOld(operations: readonly (readonly [verb: string, result: string, ...changes: Change[]])[]): void {
  const database = new Database(path);
  database.exec(migrations[0]!);
  database.pragma('user_version = 1');
  for (const [verb, result, ...changes] of operations) {
    const { lastInsertRowid } = database
      .prepare(
        'INSERT INTO operation (verb, started_at, uid, command, os, systemd, result) VALUES (?, ?, 0, ?, ?, ?, ?)',
      )
      .run(verb, '2026-01-02T03:04:05.000Z', 'sysext-agent', 'debian 13', '257', result);
    for (const [name, version, change] of changes) {
      database
        .prepare('INSERT INTO operation_extension VALUES (?, ?, ?, ?, ?, ?)')
        .run(lastInsertRowid, name, version, `sha-${name}-${version}`, 'from there', change);
    }
  }
  database.close();
}

function putInstalled(name: string, version: string): void {
  const database = new Database(path);
  database
    .prepare('INSERT INTO installed VALUES (?, ?, ?, 7, ?, ?, ?, ?)')
    .run(name, version, `sha-${name}-${version}`, 'directory', 'from there', 'ID=_any\n', '2026-02-02T00:00:00.000Z');
  database.close();
}

/** The sets of a history, newest first: `3 active: a 2`. */
function setsIn(writable: boolean): string[] {
  using history = openHistory(path, { writable });
  return history.generations(9).map(({ number, state, extensions }) => {
    return `${number} ${state}: ${extensions.map(({ name, version }) => `${name} ${version}`).join(', ')}`;
  });
}

test('what was recorded before there were generations becomes some, and nothing is lost', () => {
  writeOld([
    ['install', 'done', ['a', '1', 'added'], ['b', '1', 'added']],
    ['refresh', 'done', ['a', '1', 'merged'], ['b', '1', 'merged']],
    ['install', 'failed'],
    ['install', 'done', ['a', '2', 'replaced']],
    ['remove', 'done', ['b', '1', 'removed']],
  ]);
  putInstalled('a', '2');
  const expected = ['5 active: a 2', '4 superseded: a 2, b 1', '1 superseded: a 1, b 1'];

  expect(setsIn(false)).toEqual(expected);
  expect(existsSync(`${path}.before-${newestSchema}`)).toBe(false);
  expect(setsIn(true)).toEqual(expected);

  using history = openHistory(path, { writable: false });
  expect(history.operations(9).map(({ verb, result }) => `${verb} ${result}`)).toEqual([
    'remove done',
    'install done',
    'install failed',
    'refresh done',
    'install done',
  ]);
  expect(history.generation(5)).toMatchObject({ parent: 4, extensions: [{ kind: 'directory', size: 7 }] });
});

test('what was allowed before there were generations is known of the image of each', () => {
  writeOld([
    ['install', 'done', ['a', '1', 'added']],
    ['install', 'done', ['a', '2', 'replaced']],
  ]);
  putInstalled('a', '2');
  const allowed = (version: string) => [{ rule: 'setuid', by: '--allow', paths: [`/usr/bin/${version}`], count: 1 }];
  const database = new Database(path);
  database.exec(migrations[1]!);
  database.pragma('user_version = 2');
  const allow = (table: string, version: string) =>
    database
      .prepare(`UPDATE ${table} SET allowed = ? WHERE version = ?`)
      .run(JSON.stringify(allowed(version)), version);
  for (const version of ['1', '2']) allow('operation_extension', version);
  allow('installed', '2');
  database.close();

  using history = openHistory(path, { writable: true });

  expect(history.installed()).toMatchObject([{ version: '2', allowed: allowed('2') }]);
  expect(history.generation(1)).toMatchObject({ extensions: [{ version: '1', allowed: allowed('1') }] });
  expect(history.operation(1)).toMatchObject({ extensions: [{ version: '1', allowed: allowed('1') }] });
});

test('of what was recorded before there were health checks nothing is known of them', () => {
  const database = new Database(path);
  for (const script of migrations.slice(0, 3)) database.exec(script);
  database.pragma('user_version = 3');
  database.exec(`
    INSERT INTO operation (verb, started_at, uid, command, os, systemd, result)
      VALUES ('install', '2026-01-02T03:04:05.000Z', 0, '', '', '', 'done');
    INSERT INTO generation VALUES (1, NULL, 'active');
    INSERT INTO generation_extension VALUES (1, 'a', '1', 'a1', 7, 'raw', 'there', '', '2026-01-02T03:04:05.000Z', '[]');
    INSERT INTO operation_step VALUES (1, 0, 'put it there', 'it came', NULL, NULL);
    INSERT INTO bad_image VALUES ('b1', 'b', 'unhealthy', 'no net', '2026-01-02T03:04:05.000Z')`);
  database.close();
  const since = new Date('2026-01-02T03:04:05.000Z');

  for (const writable of [false, true]) {
    using history = openHistory(path, { writable });

    expect(history.installed()).toEqual([
      expect.objectContaining({ name: 'a', sha256: 'a1', size: 7, installedAt: since, allowed: [] }),
    ]);
    expect(history.installed()[0]).not.toHaveProperty('health');
    expect(history.steps(1)).toEqual([{ description: 'put it there', reason: 'it came' }]);
    expect(history.badImages()).toEqual([{ sha256: 'b1', name: 'b', kind: 'unhealthy', reason: 'no net', since }]);
  }
});

test('what was adopted before has an operation of its own', () => {
  writeOld([['install', 'failed']]);
  putInstalled('a', '3');

  expect(setsIn(true)).toEqual(['2 active: a 3']);
  using history = openHistory(path, { writable: false });
  expect(history.operation(2)).toMatchObject({ verb: 'adopt', result: 'done' });
});

test('what operations of before add up to is counted once', () => {
  writeOld([
    ['install', 'done', ['a', '1', 'added']],
    ['install', 'done', ['a', '2', 'replaced']],
    ['remove', 'failed'],
  ]);
  putInstalled('a', '2');

  using history = openHistory(path, { writable: true });
  expect(history.tally()).toMatchObject({
    counts: [
      { verb: 'install', result: 'done', count: 2 },
      { verb: 'remove', result: 'failed', count: 1 },
    ],
    latest: [{ id: 2 }, { id: 3 }],
    rolledBack: 0,
  });
});

test('an empty history has no generation', () => {
  writeOld([]);

  expect(setsIn(true)).toEqual([]);
});

test('the database is kept as it was before it is migrated', () => {
  writeOld([['install', 'done', ['a', '1', 'added']]]);
  putInstalled('a', '1');

  setsIn(true);

  const kept = new Database(`${path}.before-${newestSchema}`, { readonly: true });
  expect(kept.prepare('SELECT name, version FROM installed').all()).toEqual([{ name: 'a', version: '1' }]);
  kept.close();
});

test('a page that is damaged is found before anything is written', () => {
  {
    using history = openHistory(path, { writable: true });
    history.intend(
      history.begin({
        verb: 'install',
        startedAt: new Date(),
        actor: { uid: 0, command: 'x'.repeat(20_000) },
        os: 'debian 13',
        systemd: '257',
      }),
      [],
      [],
    );
  }
  const damage = new Database(path);
  damage.unsafeMode(true);
  damage.pragma('writable_schema = ON');
  damage.exec(`UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'operation_step'`);
  damage.close();

  expect(() => openHistory(path, { writable: true })).toThrow(/history\.db cannot be used: /);
});
