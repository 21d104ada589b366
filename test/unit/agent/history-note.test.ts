import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openHistory } from '../../../src/agent/history.ts';

let directory: string;
let path: string;
let note: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(directory, 'history.db');
  note = join(directory, 'run', 'history');
  openAndClose();
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function openAndClose(): void {
  using history = openHistory(path, { writable: true, note });
  history.abandonRunning();
}

/** Damage that only shows when the whole file is looked through. */
function damage(): void {
  const database = new Database(path);
  database.unsafeMode(true);
  database.pragma('writable_schema = ON');
  database.exec(`UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'operation_step'`);
  database.close();
}

test('a history that someone else wrote to is looked through again', () => {
  damage();

  expect(openAndClose).toThrow(/cannot be used/);
});

test('one that is as it was left is not', () => {
  utimesSync(path, 1000, 1000);
  openAndClose();
  damage();
  utimesSync(path, 1000, 1000);

  expect(openAndClose).not.toThrow();
});

test('without a note all of it is looked through', () => {
  rmSync(note);
  damage();

  expect(openAndClose).toThrow(/cannot be used/);
});
