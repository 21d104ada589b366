import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openHistory, type InstalledExtension, type OperationStart } from '../../../src/agent/history.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(directory, 'state', 'history.db');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const start: OperationStart = {
  verb: 'install',
  startedAt: new Date('2026-01-02T03:04:05Z'),
  actor: { uid: 0, loginUid: 1000, command: 'sysext-agent install jq.yml' },
  os: 'debian 13',
  systemd: '257.13',
};

const jq: InstalledExtension = {
  name: 'jq',
  version: '1.7-1',
  sha256: 'ab',
  size: 12,
  kind: 'raw',
  source: 'jq.yml for trixie',
  release: 'ID=_any\n',
  installedAt: new Date('2026-01-02T03:04:06Z'),
  allowed: [{ rule: 'setuid', by: '--allow', paths: ['/usr/bin/jq'], count: 1 }],
};

test('an operation and what it installed are there again after closing', () => {
  const { name, version, sha256, source, allowed } = jq;
  const change = { name, version, sha256, source, change: 'added', allowed } as const;
  {
    using history = openHistory(path, { writable: true });
    const id = history.begin(start);
    history.finish(id, { result: 'done', durationMs: 12, merged: ['jq'], extensions: [change] }, [jq]);
  }

  using history = openHistory(path, { writable: false });

  expect(history.installed()).toEqual([jq]);
  expect(history.operations(5)).toEqual([
    { ...start, id: 1, result: 'done', durationMs: 12, merged: ['jq'], extensions: [change] },
  ]);
});

test('a failed operation keeps its error and leaves what is installed', () => {
  using history = openHistory(path, { writable: true });
  history.finish(history.begin(start), { result: 'done', durationMs: 1, merged: [], extensions: [] }, [jq]);

  history.finish(history.begin(start), { result: 'failed', durationMs: 2, error: 'no', merged: [], extensions: [] });

  expect(history.operations(1)).toMatchObject([{ id: 2, result: 'failed', error: 'no' }]);
  expect(history.installed()).toEqual([jq]);
});

test('an operation whose process is gone is told as interrupted', () => {
  using history = openHistory(path, { writable: true });
  history.begin(start);

  history.abandonRunning();

  expect(history.operations(1)).toMatchObject([{ result: 'interrupted', error: 'the process that ran it was killed' }]);
});

test('numbers are never used again and the newest comes first', () => {
  using history = openHistory(path, { writable: true });
  for (let count = 0; count < 3; count++) history.begin(start);

  expect(history.operations(2).map(({ id }) => id)).toEqual([3, 2]);
});

test('a history of an older agent is read as it is, and brought up to date by the next operation', () => {
  {
    using history = openHistory(path, { writable: true });
    const extensions = [{ ...jq, change: 'added' as const }];
    history.finish(history.begin(start), { result: 'done', durationMs: 1, merged: [], extensions }, [jq]);
  }
  const older = new Database(path);
  older.exec('ALTER TABLE operation_extension DROP COLUMN allowed; ALTER TABLE installed DROP COLUMN allowed');
  older.pragma('user_version = 1');
  older.close();

  for (const writable of [false, true]) {
    using history = openHistory(path, { writable });

    expect(history.installed()).toEqual([{ ...jq, allowed: [] }]);
    expect(history.operations(1)).toMatchObject([{ extensions: [{ name: 'jq', allowed: [] }] }]);
  }
});

describe('a history that cannot be used', () => {
  test('is named, with what to do', () => {
    writeFileSync(
      join(directory, 'broken.db'),
      'this is no database, and it is long enough to be looked at as one'.repeat(20),
    );

    expect(() => openHistory(join(directory, 'broken.db'), { writable: true })).toThrow(/broken\.db cannot be used/);
  });

  test('of a newer agent is refused', () => {
    const newer = new Database(join(directory, 'newer.db'));
    newer.pragma('user_version = 999');
    newer.close();

    expect(() => openHistory(join(directory, 'newer.db'), { writable: true })).toThrow(
      /newer sysext-agent \(schema 999/,
    );
  });
});

test('where there is none, reading finds nothing and writes nothing', () => {
  using history = openHistory(path, { writable: false });

  expect(history.operations(5)).toEqual([]);
  expect(() => new Database(path, { fileMustExist: true })).toThrow();
});

test('a file that a killed process has just begun reads as an empty history', () => {
  const begun = join(directory, 'begun.db');
  writeFileSync(begun, '');

  using history = openHistory(begun, { writable: false });

  expect([history.installed(), history.operations(5)]).toEqual([[], []]);
});

test('a transaction of a killed process is rolled back before anything is read', () => {
  {
    using history = openHistory(path, { writable: true });
    history.finish(history.begin(start), { result: 'done', durationMs: 1, merged: [], extensions: [] }, [jq]);
  }
  const writer = new Database(path);
  writer.pragma('cache_size = 1');
  writer.exec('BEGIN; DELETE FROM installed; UPDATE operation SET error = hex(zeroblob(1000000))');
  const killed = join(directory, 'killed.db');
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, killed + suffix);
  writer.close();
  expect(statSync(killed).size).toBeGreaterThan(1_000_000);

  using history = openHistory(killed, { writable: false });

  expect(history.installed()).toEqual([jq]);
  expect(history.operations(1)).toMatchObject([{ result: 'done' }]);
});
