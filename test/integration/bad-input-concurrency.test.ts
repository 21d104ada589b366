import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { CommandResult } from '../lab/command.ts';
import type { Machine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';
import { failure, machineWithBase, unchanged, unchangedBy } from './support/host-state.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { makeDeb, makeRepository, type TestRepository } from './support/repository.ts';
import { addTarget, specOf } from './support/target.ts';

const lock = '/run/sysext-agent/lock';
const program = '/srv/sysext-agent/bin/sysext-agent';

let machine: Machine;

beforeAll(async () => {
  machine = await machineWithBase();
  await putBytes(machine, '/srv/good.raw', extensionImage('good'));
  await putBytes(machine, '/srv/other.raw', extensionImage('other'));
});

afterAll(async () => {
  await machine.stop();
});

/** Waits until a script in the machine succeeds. */
async function until(what: string, script: string): Promise<void> {
  await waitFor(what, async () => ((await machine.run(['sh', '-c', script])).exitCode === 0 ? true : undefined));
}

/** Does something while a command holds: it makes /run/held when it does, and ends when it can read /run/release. */
async function whileHeldBy(holder: readonly string[], work: () => Promise<void>): Promise<void> {
  await machine.shell('rm -f /run/held /run/release; mkfifo /run/release');
  const holding = machine.run(holder);
  try {
    await until('the holder to be ready', 'test -e /run/held');
    await work();
  } finally {
    await machine.shell('echo >/run/release');
    expect(await holding).toMatchObject({ exitCode: 0 });
  }
}

describe('two operations at a time', () => {
  /** A script takes part in the locking as any process does. */
  const byScript = ['flock', lock, 'sh', '-c', 'echo >/run/held; cat /run/release'];
  const busy = failure(8, 'another operation is under way\nNothing was changed.\n', '--wait=SECONDS');

  test('are one too many: a script that holds the lock counts', async () => {
    await whileHeldBy(byScript, async () => {
      // What a killed process wrote there is not told as the holder.
      await machine.shell(`echo 'sysext-agent refresh (process 4194305)' >${lock}`);
      expect(await unchanged(machine, ['install', '/srv/good.raw'])).toEqual(busy);
      expect(await machine.agent(['remove', 'base'])).toEqual(busy);
      expect(await machine.agent(['refresh'])).toEqual(busy);
      expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
    });
  });

  test('are told apart by their command lines', async () => {
    // An operation that cannot write the history holds the lock while it waits for that.
    const sqlite = `import Database from '/srv/sysext-agent/node_modules/better-sqlite3/lib/index.js';
      import fs from 'node:fs';
      const history = new Database('/var/lib/sysext-agent/history.db');
      history.exec('BEGIN EXCLUSIVE');
      fs.writeFileSync('/run/held', '');
      fs.readFileSync('/run/release');`;
    const node = `exec "$(echo /srv/sysext-agent/node_modules/node-linux-*/bin/node)" --input-type=module -e "$0"`;
    const holder = ['sh', '-c', node, sqlite];

    const running: Promise<CommandResult>[] = [];
    await whileHeldBy(holder, async () => {
      running.push(machine.agent(['install', '/srv/good.raw']));
      await until('the first to hold the lock', `grep install ${lock}`);
      expect(await machine.agent(['install', '/srv/other.raw', '--no-wait'])).toEqual(
        failure(
          8,
          'another operation is under way: sysext-agent install /srv/good.raw (process ',
          'Nothing was changed.',
        ),
      );
    });

    expect(await Promise.all(running)).toMatchObject([{ exitCode: 0 }]);
    expect(await machine.agent(['remove', 'good'])).toMatchObject({ exitCode: 0 });
  });

  test('both succeed where they wait', async () => {
    const running: Promise<CommandResult>[] = [];
    await whileHeldBy(byScript, async () => {
      for (const name of ['good', 'other']) running.push(machine.agent(['install', `/srv/${name}.raw`, '--wait=30']));
      await until('both to wait behind the script', 'test "$(pgrep --count --exact flock)" = 3');
    });

    expect(await Promise.all(running)).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    expect(await machine.agent(['remove', 'good', 'other'])).toMatchObject({ exitCode: 0 });
  });
});

describe('fifty commands at once', () => {
  /** What each may end with; those that change something are recorded, whatever comes of them. */
  const kinds: readonly (readonly [args: readonly string[], exitCodes: readonly number[]])[] = [
    [['install', '/srv/good.raw'], [0]],
    [['install', '/srv/other.raw'], [0]],
    // Where it is not there, or no longer.
    [
      ['remove', 'good'],
      [0, 4],
    ],
    // Where nothing was changed yet.
    [['rollback'], [0, 2]],
    [['refresh'], [0]],
    [['hold', 'base'], [0]],
    [['unhold', 'base'], [0]],
    [['gc'], [0]],
  ];
  const looks: readonly (readonly [args: readonly string[], exitCodes: readonly number[]])[] = [
    // What is changed in that moment is not merged, maybe, but no drift.
    [['status'], [0, 3]],
    [['list', '--json=short'], [0]],
  ];

  interface Operation {
    readonly id: number;
    readonly verb: string;
    readonly result: string;
    readonly reason: string | null;
    readonly state: string | null;
  }

  const operations = async () => {
    const { stdout } = await machine.agent(['history', '--json=short', '--limit=9999']);
    return (JSON.parse(stdout) as { operations: Operation[] }).operations.reverse();
  };

  test('are done one after the other, each is recorded once, and none is lost', async () => {
    const before = (await operations()).length;
    const calls = Array.from({ length: 40 }, (_, index) => {
      const [args, exitCodes] = kinds[index % kinds.length]!;
      return { args: [...args, '--wait=500', `--reason=call ${index}`], exitCodes };
    });
    const looking = Array.from({ length: 10 }, (_, index) => looks[index % looks.length]!);
    const all = [...calls, ...looking.map(([args, exitCodes]) => ({ args, exitCodes }))];

    const results = await Promise.all(all.map(({ args }) => machine.agent(args, { timeoutMs: 550_000 })));

    const wrong = all.flatMap(({ args, exitCodes }, index) => {
      const { exitCode, stderr } = results[index]!;
      return exitCodes.includes(exitCode) ? [] : [{ args, exitCode, stderr }];
    });
    expect(wrong).toEqual([]);
    const told = (await operations()).slice(before);
    expect(told.map(({ id }) => id)).toEqual(told.map((_, index) => before + 1 + index));
    expect(told.map(({ reason }) => reason).sort()).toEqual(calls.map((_, index) => `call ${index}`).sort());
    for (const { reason, result } of told) {
      const { exitCode } = results[Number(reason?.slice('call '.length))]!;
      expect({ reason, result }).toEqual({ reason, result: exitCode === 0 ? 'done' : 'failed' });
    }
    expect((await operations()).filter(({ state }) => state === 'active')).toHaveLength(1);
  }, 600_000);

  test('and what is merged is what the history says', async () => {
    const { stdout } = await machine.agent(['list', '--json=short']);
    const { extensions } = JSON.parse(stdout) as { extensions: { name: string; merged: boolean }[] };
    expect(extensions.filter(({ merged }) => !merged)).toEqual([]);
    expect(await machine.shell('find /etc /run /var -name ".#*" -not -path "/run/systemd/*"')).toBe('');
    const names = extensions.map(({ name }) => name).filter((name) => name !== 'base');
    if (names.length > 0) expect(await machine.agent(['remove', ...names])).toMatchObject({ exitCode: 0 });
  });
});

describe('a download that is interrupted', () => {
  let workshop: string;
  let archive: TestRepository;

  beforeAll(async () => {
    workshop = mkdtempSync(join(tmpdir(), 'workshop-'));
    archive = await makeRepository([
      makeDeb(workshop, {
        name: 'hello',
        version: '1',
        files: { 'usr/share/hello': randomBytes(900_000).toString('base64') },
      }),
    ]);
    await addTarget(machine, archive);
    await machine.write('/srv/hello.yml', specOf('hello', { hello: '' }));
  });

  beforeEach(async () => {
    await machine.shell('rm -rf /var/cache/sysext-agent');
    archive.server.inject('hello_1_all.deb', { kind: 'stall', after: 700_000 });
  });

  afterAll(async () => {
    await archive.close();
    rmSync(workshop, { recursive: true });
  });

  const install = ['install', '/srv/hello.yml', '--target=local'];

  test.each(['INT', 'TERM'])(
    'by SIG%s ends at once and leaves nothing; the next command goes on with it',
    async (signal) => {
      const result = await unchangedBy(machine, async () => {
        const running = machine.run(['sh', '-c', `echo $$ >/run/pid; exec ${program} ${install.join(' ')}`]);
        await until('a part of the package', 'find /var/cache/sysext-agent/packages -size +400k | grep .');
        await machine.shell(`kill -${signal} "$(cat /run/pid)"`);
        return running;
      });

      expect(result).toEqual(failure(130, 'interrupted', 'Nothing was changed.'));
      expect(await machine.agent(install)).toMatchObject({ exitCode: 0 });
      expect(archive.server.seen.filter(({ path }) => path.endsWith('.deb')).at(-1)).toMatchObject({ status: 206 });
      expect(await machine.agent(['remove', 'hello'])).toMatchObject({ exitCode: 0 });
    },
  );
});
