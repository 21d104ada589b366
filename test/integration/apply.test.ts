import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { failure } from './support/host-state.ts';
import { quickAgent, type Fault, type QuickAgent } from './support/quick-agent.ts';

/** One test for each row `Fail:` and `Crash:` in docs/apply.md. */

let lab: QuickAgent;

beforeAll(async () => {
  lab = await quickAgent();
  await lab.ok('install', lab.image('a'), lab.image('b'));
  await lab.keep();
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

afterEach(async () => {
  await lab.restore();
});

const seen = () => lab.shell('cd usr/share; for f in */version; do echo "$(dirname $f) $(cat $f)"; done');

/** What must hold whatever happened: nothing half-written, every image of the set in force whole, no open ends. */
async function sound(): Promise<void> {
  const files = await lab.shell(`find etc run var -name '.#*'; ls var/lib/extensions; echo; ls ${images}
    cd ${images}; for f in *.raw; do echo "\${f%.raw}  $f"; done | sha256sum --check --quiet`);
  const [entries = [], stored = []] = files.split('\n\n').map((list) => list.split('\n').filter(Boolean));
  const { operations } = await lab.json<{ operations: { id: number; result: string; state: string }[] }>('history');
  expect(operations.filter(({ result, state }) => result === 'running' || state === 'pending')).toEqual([]);
  const active = operations.find(({ state }) => state === 'active');
  const { operation } = await lab.json<{ operation: { set: { name: string; sha256: string }[] } }>(
    'history',
    String(active?.id),
  );
  expect(operation.set.filter(({ sha256 }) => !stored.includes(`${sha256}.raw`))).toEqual([]);
  expect(entries).toEqual(operation.set.map(({ name }) => `${name}.raw`));
}

const extensions = 'var/lib/extensions';
const images = 'var/lib/sysext-agent/images';
const update = () => ['install', lab.image('a', '2'), lab.image('c')];

interface Row {
  readonly step: string;
  readonly at: Omit<Fault, 'inject'>;
  readonly args: () => readonly string[];
  readonly setUp?: () => Promise<void>;
}

const withBad = async () => {
  lab.put(`${extensions}/bad.raw`, Buffer.alloc(0));
  await Promise.resolve();
};
const withMask = async () => {
  await withBad();
  await lab.ok('refresh');
  await lab.shell(`rm ${extensions}/bad.raw`);
};

/** Of the renames of an update the first two put images into the store, the last two put entries in place. */
const rows: readonly Row[] = [
  { step: 'stage', at: { calls: 'rename', nth: 2 }, args: update },
  { step: 'withdraw', at: { calls: 'unlink,unlinkat', path: `${extensions}/b.raw` }, args: () => ['remove', 'a', 'b'] },
  { step: 'unmask', at: { calls: 'rename', path: 'run/extensions/bad' }, args: update, setUp: withMask },
  { step: 'mask', at: { calls: 'rename', nth: 4 }, args: update, setUp: withBad },
  { step: 'place', at: { calls: 'rename', nth: 4 }, args: update },
];

describe.each(rows)('$step', ({ step, at, args, setUp }) => {
  beforeEach(async () => {
    await setUp?.();
  });

  test('Fail: what was done is undone', async () => {
    const left = step === 'stage' ? 'Nothing was changed.' : 'Everything is as it was before.';

    expect(await lab.faulty({ ...at, inject: 'error=EIO' }, ...args())).toEqual(failure(1, 'cannot ', left));
    expect(await seen()).toBe('a 1\nb 1\n');
    await lab.shell(`rm -f ${extensions}/bad.raw`);
    await sound();
  });

  test('Crash: the next operation puts it back', async () => {
    expect(await lab.faulty({ ...at, inject: 'signal=KILL' }, ...args())).toMatchObject({ exitCode: 137 });

    expect(await lab.ok('refresh')).toContain('Merged: a, b\n');
    expect(await seen()).toBe('a 1\nb 1\n');
    await lab.shell(`rm -f ${extensions}/bad.raw`);
    await sound();
  });
});

describe('record and finish', () => {
  /** Lets every third write of the history go wrong: the programs in test/crash take them all. Tells how many there were. */
  async function sweepWrites(inject: string, exitCode: number, check: () => Promise<void>): Promise<number> {
    for (let nth = 1; ; nth += 3) {
      const fault = { calls: 'pwrite64', path: 'var/lib/sysext-agent/history.db', inject, nth };
      const result = await lab.faulty(fault, ...update());
      if (result.exitCode === 0) return nth - 1;
      expect({ nth, ...result }).toMatchObject({ nth, exitCode });
      await check();
    }
  }

  test('Fail: a full disk leaves what was there before', async () => {
    const writes = await sweepWrites('error=ENOSPC', 1, async () => {
      expect(await seen()).toBe('a 1\nb 1\n');
    });

    expect(writes).toBeGreaterThan(5);
    expect(await seen()).toBe('a 2\nb 1\nc 1\n');
    await sound();
  });

  test('Crash: the new set is in force, or the one before', async () => {
    const outcomes = new Set<string>();
    const writes = await sweepWrites('signal=KILL', 137, async () => {
      await lab.ok('refresh');
      outcomes.add(await seen());
    });

    expect(writes).toBeGreaterThan(5);
    expect(['a 1\nb 1\n', 'a 1\nb 1\n,a 2\nb 1\nc 1\n']).toContain([...outcomes].sort().join());
    await sound();
  });
});

test('enable Fail: the change goes on, and a note says so', async () => {
  await lab.ok('unmerge');
  await lab.shell(`mkdir -p usr/lib/systemd/system etc/systemd/system
    printf '[Install]\\nWantedBy=sysinit.target\\n' >usr/lib/systemd/system/systemd-sysext.service
    touch etc/systemd/system/sysinit.target.wants`);

  const { exitCode, stderr } = await lab.agent('install', lab.image('c'));

  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining('note: extensions will not be merged at boot: systemd-sysext.service'),
  });
});

test('lock Fail: what was done stands where the holder cannot be taken out of it', async () => {
  const release = { calls: 'openat', path: 'run/sysext-agent/lock', nth: 3 };

  expect(await lab.faulty({ ...release, inject: 'error=ENOSPC' }, ...update())).toMatchObject({ exitCode: 0 });
  expect(await seen()).toBe('a 2\nb 1\nc 1\n');
  expect(await lab.shell('cat run/sysext-agent/lock')).toContain('install');
  await lab.ok('refresh');
  await sound();
});

describe('sweep', () => {
  const removeOld = { calls: 'unlink,unlinkat', nth: 1 };
  /** The only image that is not needed once a is at 3. */
  async function superfluous(): Promise<string> {
    const before = (await lab.shell(`ls ${images}`)).split('\n');
    await lab.ok('install', lab.image('a', '2'));
    const [added = ''] = (await lab.shell(`ls ${images}`)).split('\n').filter((name) => !before.includes(name));
    await lab.ok('install', lab.image('a', '3'));
    await lab.ok('install', lab.image('a', '4'));
    return `${images}/${added}`;
  }

  test('Fail: gc says so, and nothing else is lost', async () => {
    const path = await superfluous();

    expect(await lab.faulty({ ...removeOld, path, inject: 'error=EIO' }, 'gc', '--keep=1')).toEqual(
      failure(1, 'cannot remove '),
    );
    expect(await lab.ok('gc', '--keep=1')).toContain('Freed');
    await sound();
  });

  test('Crash: the next one goes on with it', async () => {
    const path = await superfluous();

    expect(await lab.faulty({ ...removeOld, path, inject: 'signal=KILL' }, 'gc', '--keep=1')).toMatchObject({
      exitCode: 137,
    });
    expect(await lab.ok('gc', '--keep=1')).toContain('Freed');
    await sound();
    expect(await seen()).toBe('a 4\nb 1\n');
  });
});

test('what was half written when an operation had ended but for its note is gone with the next one', async () => {
  lab.put('run/sysext-agent/.#history.0123456789abcdef', Buffer.from('half'));
  await lab.ok('apply');
  await sound();
});
