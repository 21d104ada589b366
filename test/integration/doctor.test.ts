import { dirname, join } from 'node:path';

import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { samplesIn } from '../support/exposition.ts';
import { failure } from './support/host-state.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly sentence: string;
  readonly next: string | null;
}

interface Report {
  readonly kept: string | null;
  readonly salvaged: readonly { readonly table: string; readonly rows: number; readonly why: string | null }[];
  readonly lost: readonly string[];
}

interface Operations {
  readonly operations: readonly { readonly id: number; readonly verb: string; readonly state: string | null }[];
}

const state = 'var/lib/sysext-agent';
const history = `${state}/history.db`;
const rebuild = ['doctor', '--rebuild'];

let lab: QuickAgent;

beforeAll(async () => {
  lab = await quickAgent();
  await lab.ok('install', lab.image('a'), lab.image('b'));
  await lab.ok('install', lab.image('a', '2'));
  await lab.ok('hold', 'b');
  await lab.keep();
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

afterEach(async () => {
  await lab.restore();
});

const seen = () => lab.shell('cd usr/share; grep . {a,b}/version');

/** Changes the history behind the agent's back. */
function sql(statement: string): void {
  using database = openDatabase();
  database.exec(statement);
}

function openDatabase(): Database.Database & Disposable {
  const database = new Database(join(lab.quick.root, history));
  return Object.assign(database, {
    [Symbol.dispose]: () => {
      database.close();
    },
  });
}

function rootPage(table: string): number {
  using database = openDatabase();
  return (
    database.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table) ?? 0
  );
}

/** What `doctor` finds wrong; that the scratch root has no unit, and was merged by hand before, does not count. */
async function problems(): Promise<Finding[]> {
  const { exitCode, stdout } = await lab.agent('doctor', '--json=short');
  const { checks } = JSON.parse(stdout) as { checks: Finding[] };
  expect(exitCode).toBe(checks.every(({ ok }) => ok) ? 0 : 1);
  return checks.filter(
    ({ check, ok, sentence }) => !ok && check !== 'boot' && !sentence.startsWith('somebody else has merged /usr'),
  );
}

/** The rows that were read of each table that has any. */
function rowsOf({ salvaged }: Report): Record<string, number> {
  return Object.fromEntries(salvaged.filter(({ rows }) => rows > 0).map(({ table, rows }) => [table, rows]));
}

test('doctor has a line for each check, and finds nothing wrong', async () => {
  const { stdout } = await lab.agent('doctor');

  expect(stdout).toContain('ok: lock: nobody holds it\n');
  expect(stdout).toContain('ok: history: it is sound, up to operation 3\n');
  expect(stdout).toContain('ok: store: 3 images, each what its name says\n');
  expect(stdout).toContain('ok: extensions: 2 of this agent, all as recorded\n');
  expect(await problems()).toEqual([]);
});

test('doctor names what is wrong, and what to do', async () => {
  await lab.shell(`
    for image in ${state}/images/*; do test $image -ef var/lib/extensions/b.raw || continue
      printf x | dd of=$image bs=1 seek=$(($(stat -c %s $image) - 1)) conv=notrunc status=none; done
    rm var/lib/extensions/a.raw; touch ${state}/images/.#left.0123456789abcdef`);

  expect(await problems()).toMatchObject([
    { check: 'store', sentence: expect.stringContaining('is not what its name says') },
    {
      check: 'extensions',
      sentence: expect.stringContaining('the image of a was taken out'),
      next: 'sysext-agent apply',
    },
    { check: 'extensions', sentence: expect.stringContaining('the image of b in place is damaged') },
    { check: 'leftovers', sentence: expect.stringContaining('.#left.0123456789abcdef') },
  ]);
});

test('doctor --report tells all in one text, and nothing that is secret', async () => {
  await lab.agent('install', '--reason=SECRET-REASON', '/nothing/at/https://me:s3cret@example.org/x.raw');
  const { stdout } = await lab.agent('doctor', '--report');

  expect(stdout).toMatch(/^# sysext-agent\nversion: \d/);
  expect(stdout).toMatch(/^ok: kernel: Linux \S+, with overlay/m);
  expect(stdout).toMatch(/^b.*: .*\bours, held$/m);
  expect(stdout).toMatch(/^\d+ \d{4}-.*Z hold: done, 0 ms, systemd \d/m);
  expect(stdout).not.toMatch(/s3cret|SECRET-REASON/);
});

test('numbers are told, and written where node_exporter has a directory', async () => {
  const file = 'var/lib/prometheus/node-exporter/sysext_agent.prom';
  await lab.shell(`mkdir -p ${dirname(file)}`);
  await lab.ok('refresh');

  const written = samplesIn(await lab.shell(`cat ${file}`));
  const told = samplesIn((await lab.agent('metrics')).stdout);
  expect(written).toEqual(told);
  expect(told).toContainEqual({ name: 'sysext_agent_extensions_merged', labels: {}, value: 2 });
  expect(told).toContainEqual({ name: 'sysext_agent_hold', labels: { name: 'b' }, value: 1 });
  expect(await lab.shell(`stat -c %a ${file}; ls -A ${dirname(file)}`)).toBe(`644\nsysext_agent.prom\n`);

  await lab.shell(`mkdir -p etc/sysext-agent; echo 'metrics_directory: off' >etc/sysext-agent/agent.yml; rm ${file}`);
  await lab.ok('refresh');
  expect(await lab.shell(`ls -A ${dirname(file)}`)).toBe('');
});

describe('doctor --rebuild', () => {
  test('leaves a sound history alone', async () => {
    const before = await lab.shell(`sha256sum ${history}`);

    expect(await lab.ok(...rebuild)).toBe('The history is sound: nothing was changed.\n');
    expect(await lab.shell(`sha256sum ${history}`)).toBe(before);
  });

  test('of a damaged page keeps all that can be read', async () => {
    await lab.shell(
      `dd if=/dev/urandom of=${history} bs=4096 seek=${rootPage('operation_step') - 1} count=1 conv=notrunc status=none`,
    );
    expect(await lab.agent('refresh')).toEqual(
      failure(1, 'cannot be used', 'stay as they are', 'sysext-agent doctor --rebuild'),
    );

    const report = await lab.json<Report>(...rebuild);

    expect(rowsOf(report)).toMatchObject({ operation: 3, generation: 2, generation_extension: 4, hold: 1 });
    expect(report.salvaged.filter(({ why }) => why !== null).map(({ table }) => table)).toEqual(['operation_step']);
    expect(report.lost).toEqual([]);
    expect(await lab.shell(`ls ${report.kept!}`)).toContain('history.db.damaged-');
    expect(await lab.json<Operations>('history')).toMatchObject({
      operations: [
        { id: 4, verb: 'adopt', state: 'active' },
        { id: 3, verb: 'hold' },
        { id: 2, verb: 'install', state: 'superseded' },
        { id: 1, verb: 'install', state: 'superseded' },
      ],
    });
    expect(await seen()).toBe('a/version:2\nb/version:1\n');
    expect(await lab.ok('list')).toMatch(/^b .* agent, held +person +yes$/m);
    await lab.ok('rollback', '1');
    expect(await seen()).toBe('a/version:1\nb/version:1\n');
    expect(await problems()).toEqual([]);
  });

  test.each([
    ['nonsense', `head -c 20000 /dev/urandom >${history}`],
    ['cut in its first page', `truncate -s 700 ${history}`],
    ['empty', `: >${history}`],
    ['gone', `rm ${history}`],
  ])('of one that is %s begins anew with what is in place', async (_, spoil) => {
    await lab.shell(spoil);

    const report = await lab.json<Report>(...rebuild);

    expect(rowsOf(report)).toEqual({});
    expect(await lab.json<Operations>('history')).toMatchObject({ operations: [{ verb: 'adopt', state: 'active' }] });
    expect(await lab.ok('list')).toMatch(/^a .* agent +unknown +yes\nb .* agent +unknown +yes$/m);
    expect(await seen()).toBe('a/version:2\nb/version:1\n');
    expect(await problems()).toEqual([]);
  });

  test('of one that was cut keeps what is before the cut, and no set that may not be whole', async () => {
    sql(`UPDATE operation SET command = hex(zeroblob(20000))`);
    await lab.shell(`truncate -s -8192 ${history}`);

    const report = await lab.json<Report>(...rebuild);

    expect(report.salvaged.filter(({ why }) => why !== null)).not.toEqual([]);
    expect(await lab.ok('list')).toMatch(/^a .* agent.* +yes\nb .* agent.* +yes$/m);
    expect(await problems()).toEqual([]);
    await lab.ok('remove', 'a');
  });

  test('leaves out what no history could have', async () => {
    sql(`PRAGMA foreign_keys = OFF; UPDATE operation SET started_at = 'never', merged = '{' WHERE id = 1;
      UPDATE generation_extension SET sha256 = '../../etc' WHERE generation = 2; DELETE FROM operation WHERE id = 3;
      INSERT INTO operation_step (operation, position, description, reason) VALUES (99, 0, 'x', 'x')`);

    const report = await lab.json<Report>(...rebuild);

    expect(rowsOf(report)).toMatchObject({ operation: 1, hold: 1 });
    expect(await lab.json<Operations>('history')).toMatchObject({
      operations: [{ verb: 'adopt' }, { id: 2, verb: 'install', state: null }],
    });
    expect(await problems()).toEqual([]);
  });

  test('says which extension was recorded and is not in place, and which is damaged', async () => {
    sql(
      `PRAGMA foreign_keys = OFF; DELETE FROM operation WHERE id = 3; INSERT INTO operation_step (operation, position, description, reason) VALUES (99, 0, 'x', 'x')`,
    );
    await lab.shell(
      `rm var/lib/extensions/a.raw; printf x | dd of=var/lib/extensions/b.raw bs=1 seek=4000 conv=notrunc status=none`,
    );

    const { lost } = await lab.json<Report>(...rebuild);

    expect(lost).toEqual([
      expect.stringContaining('a was installed from'),
      expect.stringContaining('the image of b is damaged'),
    ]);
  });

  test('on a full disk changes nothing', async () => {
    await lab.shell(`head -c 20000 /dev/urandom >${history}`);
    const before = await lab.shell(`ls -A ${state}; sha256sum ${history}`);

    for (const calls of ['pwrite64', 'fsync', 'rename', 'link']) {
      const result = await lab.faulty({ calls, inject: 'error=ENOSPC' }, ...rebuild);
      expect({ calls, ...result }).toMatchObject({ calls, exitCode: 1, stdout: '' });
      expect(result.stderr).toContain('Nothing was changed.');
      expect(await lab.shell(`ls -A ${state}; sha256sum ${history}`)).toBe(before);
    }
    await lab.ok(...rebuild);
  });

  test('killed at any rename or link leaves a history that can be rebuilt or used', async () => {
    let kills = 0;
    for (const calls of ['rename', 'link']) {
      for (let nth = 1; ; nth++) {
        await lab.shell(`head -c 20000 /dev/urandom >${history}`);
        const { exitCode } = await lab.faulty({ calls, inject: 'signal=KILL', nth }, ...rebuild);
        await lab.agent(...rebuild);

        expect(await lab.ok('list')).toMatch(/^a .* agent +unknown +yes\nb .* agent +unknown +yes$/m);
        if (exitCode === 0) break;
        expect(exitCode).toBe(137);
        kills++;
      }
    }
    expect(kills).toBeGreaterThanOrEqual(3);
  });
});
