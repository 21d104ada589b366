import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openHistory, type History, type InstalledExtension, type OperationStart } from '../../../src/agent/history.ts';

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
  health: [
    {
      name: 'http',
      probe: { kind: 'command', command: ['curl', 'localhost'] },
      timeout: 1000,
      retries: 2,
      interval: 500,
      by: 'x-sysext of jq.yml',
    },
  ],
};

/** Records an operation that puts this set in force. */
function install(history: History, extensions: readonly InstalledExtension[]): number {
  const id = history.begin(start);
  history.intend(id, [], extensions);
  history.finish(id, { result: 'done', durationMs: 1, merged: [], extensions: [] });
  return id;
}

test('whose an extension is stays with it; a person is what nothing else is said of', () => {
  const owner = { kind: 'fleet', files: ['50-jq.yml'], definition: '["image"]' } as const;
  const found = { ...jq, name: 'found', owner: { kind: 'unknown' } as const };
  {
    using history = openHistory(path, { writable: true });
    install(history, [{ ...jq, owner }, found, { ...jq, name: 'mine' }]);
  }
  using history = openHistory(path, { writable: false });

  expect(history.installed().map((extension) => [extension.name, extension.owner])).toEqual([
    ['found', { kind: 'unknown' }],
    ['jq', owner],
    ['mine', undefined],
  ]);
});

test('where an extension was fetched from stays with it, and every version that came from there is known', () => {
  const place = 'oci://registry.example.org/jq';
  const published = { from: place, versions: '<2', place, blob: 'cd', vouchedBy: 'cosign key fleet.pub' };
  {
    using history = openHistory(path, { writable: true });
    install(history, [
      { ...jq, version: '1.6', published },
      { ...jq, name: 'mine' },
    ]);
    install(history, [{ ...jq, version: '1.7', published: { ...published, versions: '*' } }]);
    install(history, [{ ...jq, version: '1.5', published: { ...published, place: 'oci://elsewhere.example.org/jq' } }]);
  }
  using history = openHistory(path, { writable: false });

  expect(history.generation(1)?.extensions.map((extension) => extension.published)).toEqual([published, undefined]);
  expect(history.versionsFrom(place, 'jq')).toEqual(['1.6', '1.7']);
  expect(history.versionsFrom(place, 'mine')).toEqual([]);
});

test('an operation and what it installed are there again after closing', () => {
  const { name, version, sha256, source, allowed } = jq;
  const change = { name, version, sha256, source, change: 'added', allowed } as const;
  {
    using history = openHistory(path, { writable: true });
    const id = history.begin(start);
    history.intend(id, [], [jq]);
    history.finish(id, { result: 'done', durationMs: 12, merged: ['jq'], extensions: [change] });
  }

  using history = openHistory(path, { writable: false });

  expect(history.installed()).toEqual([jq]);
  expect(history.operations(5)).toEqual([
    { ...start, id: 1, result: 'done', state: 'active', durationMs: 12, merged: ['jq'], extensions: [change] },
  ]);
});

test('what an operation was about stays with it, and is not said of system extensions', () => {
  using history = openHistory(path, { writable: true });
  history.begin({ ...start, verb: 'refresh', class: 'confext' });
  history.begin({ ...start, verb: 'refresh', class: 'sysext' });

  expect(history.operations(2).map((operation) => operation.class)).toEqual([undefined, 'confext']);
});

test('a failed operation keeps its error and leaves what is installed', () => {
  using history = openHistory(path, { writable: true });
  install(history, [jq]);

  history.intend(history.begin(start), [], []);
  history.finish(2, { result: 'failed', durationMs: 2, error: 'no', merged: [], extensions: [] });

  expect(history.operations(1)).toMatchObject([{ id: 2, result: 'failed', state: 'failed', error: 'no' }]);
  expect(history.installed()).toEqual([jq]);
});

test('what a step said that failed is kept with it', () => {
  const taken = { description: 'check', reason: 'it came', startedAt: new Date(5), durationMs: 7 };
  {
    using history = openHistory(path, { writable: true });
    history.intend(history.begin(start), [], [jq]);
    const steps = [taken, { ...taken, said: ['no', 'way'] }];
    history.finish(1, { result: 'failed', durationMs: 2, error: 'no', merged: [], extensions: [], steps }, true);
  }

  using history = openHistory(path, { writable: false });

  expect(history.steps(1)).toEqual([taken, { ...taken, said: ['no', 'way'] }]);
});

test('an operation whose process is gone is told as interrupted', () => {
  using history = openHistory(path, { writable: true });
  history.intend(history.begin(start), [{ description: 'put it there', reason: 'why not' }], [jq]);

  history.abandonRunning();

  expect(history.operations(1)).toMatchObject([
    { result: 'interrupted', state: 'failed', error: 'the process that ran it was killed' },
  ]);
  expect(history.steps(1)).toEqual([{ description: 'put it there', reason: 'why not' }]);
  expect(history.installed()).toEqual([]);
});

test('numbers are never used again and the newest comes first', () => {
  using history = openHistory(path, { writable: true });
  for (let count = 0; count < 3; count++) history.begin(start);

  expect(history.operations(2).map(({ id }) => id)).toEqual([3, 2]);
});

test('the latest change of an extension is found, and that it was merged is none', () => {
  using history = openHistory(path, { writable: true });
  const { name, version, sha256, source } = jq;
  for (const change of ['added', 'replaced', 'merged', 'removed', 'merged'] as const)
    history.finish(history.begin(start), {
      result: 'done',
      durationMs: 1,
      merged: [],
      extensions: [{ name, version, sha256, source, change, allowed: [] }],
    });

  expect(history.latestChange('jq', ['added', 'replaced'])).toMatchObject({ id: 2, extensions: [{ name: 'jq' }] });
  expect(history.latestChange('jq', ['removed'])?.id).toBe(4);
  expect(history.latestChange('yq', ['removed'])).toBeUndefined();
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
    install(history, [jq]);
  }
  const writer = new Database(path);
  writer.pragma('cache_size = 1');
  writer.exec('BEGIN; DELETE FROM generation_extension; UPDATE operation SET error = hex(zeroblob(1000000))');
  const killed = join(directory, 'killed.db');
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, killed + suffix);
  writer.close();
  expect(statSync(killed).size).toBeGreaterThan(1_000_000);

  using history = openHistory(killed, { writable: false });

  expect(history.installed()).toEqual([jq]);
  expect(history.operations(1)).toMatchObject([{ result: 'done' }]);
});

describe('generations', () => {
  const jq2 = { ...jq, version: '2', sha256: 'cd' };

  test('have the numbers of their operations, and of them one is in force', () => {
    using history = openHistory(path, { writable: true });
    install(history, [jq]);
    history.finish(history.begin({ ...start, verb: 'refresh' }), {
      result: 'done',
      durationMs: 1,
      merged: ['jq'],
      extensions: [],
    });
    install(history, [jq2]);

    expect(history.generations(5)).toMatchObject([
      { number: 3, parent: 1, state: 'active', extensions: [jq2] },
      { number: 1, state: 'superseded', extensions: [jq] },
    ]);
    expect(history.generation(2)).toBeUndefined();
    expect(history.generationAt(2)).toMatchObject({ number: 1 });
    expect(history.installed()).toEqual([jq2]);
  });

  test('of a set that was rolled back are told as such', () => {
    using history = openHistory(path, { writable: true });
    history.intend(history.begin(start), [], [jq]);
    history.finish(1, { result: 'failed', durationMs: 1, error: 'not well', merged: [], extensions: [] }, true);

    expect(history.generation(1)).toMatchObject({ state: 'rolled-back', extensions: [jq] });
    expect([history.installed(), history.generationAt(1)]).toEqual([[], undefined]);
  });

  test('are remembered for each boot', () => {
    using history = openHistory(path, { writable: true });
    install(history, [jq]);
    history.noteBoot('one', new Date(0));
    install(history, [jq2]);
    history.noteBoot('one', new Date(1));
    history.noteBoot('two', new Date(2));

    expect([history.booted('one'), history.booted('two'), history.booted('three')]).toEqual([1, 2, undefined]);
  });

  test('held extensions and bad images are there until they are taken back', () => {
    using history = openHistory(path, { writable: true });
    const bad = { sha256: 'ab', name: 'jq', kind: 'damaged', reason: 'cut', since: new Date(3) } as const;
    const old = { ...bad, sha256: 'cd', version: '1.7-1', since: new Date(4) };
    history.note({ ...start, verb: 'hold' }, { hold: [{ name: 'jq', since: new Date(5) }] });
    for (const image of [bad, old]) history.addBadImage(image);

    expect([history.holds(), history.badImages()]).toEqual([[{ name: 'jq', since: new Date(5) }], [bad, old]]);
    history.note({ ...start, verb: 'unhold' }, { unhold: ['jq'] });
    for (const { sha256 } of [bad, old]) history.removeBadImage(sha256);
    expect([history.holds(), history.badImages()]).toEqual([[], []]);
    expect(history.operations(5).map(({ verb, result }) => `${verb} ${result}`)).toEqual(['unhold done', 'hold done']);
  });
});

test('what operations add up to is kept as they end', () => {
  using history = openHistory(path, { writable: true });
  const step = { description: 'systemd-sysext refresh', reason: 'it was asked for', durationMs: 7 };
  const ending = { durationMs: 1, merged: [], extensions: [] };
  install(history, [jq]);
  const second = history.begin(start);
  history.finish(second, { ...ending, result: 'done', steps: [step, { ...step, durationMs: 9 }] });
  const third = history.begin(start);
  history.intend(third, [], [jq]);
  history.finish(third, { ...ending, result: 'failed', error: 'not well' }, true);
  history.begin({ ...start, verb: 'remove' });

  expect(history.tally()).toMatchObject({
    counts: [
      { verb: 'install', result: 'done', count: 2 },
      { verb: 'install', result: 'failed', count: 1 },
    ],
    latest: [
      { id: second, result: 'done' },
      { id: third, result: 'failed' },
    ],
    rolledBack: 1,
    mergeMs: 9,
  });
  history.abandonRunning();
  expect(history.tally().counts.at(-1)).toEqual({ verb: 'remove', result: 'interrupted', count: 1 });
});
