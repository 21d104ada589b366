import { basename } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { erofsImage, releaseOf } from './support/images.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';
import { failure } from './support/host-state.ts';

let lab: QuickAgent;

beforeEach(async () => {
  lab = await quickAgent();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

/** What the extensions bring, as it is seen in the merged tree: `a 1, b 2`. */
async function seen(): Promise<string> {
  return lab.shell('for f in usr/share/*/version; do test ! -e $f || echo "$(basename $(dirname $f)) $(cat $f)"; done');
}

async function states(): Promise<string[]> {
  const { operations } = await lab.json<{ operations: { id: number; verb: string; state: string | null }[] }>(
    'history',
  );
  return operations.map(({ id, verb, state }) => `${id} ${verb} ${state ?? '-'}`);
}

/** Three sets: a 1; a 1 and b 1; a 2 and b 1. */
async function threeSets(): Promise<void> {
  await lab.ok('install', lab.image('a'));
  await lab.ok('install', lab.image('b'), '--reason=for the demo');
  await lab.ok('install', lab.image('a', '2'));
}

describe('rollback', () => {
  test('puts the set before in force, and the one before that, without the images they came from', async () => {
    await threeSets();
    await lab.shell('rm *.raw');

    expect(await lab.ok('rollback')).toContain('Merged: a, b');
    expect(await seen()).toBe('a 1\nb 1\n');
    expect(await lab.ok('rollback', '1', '--reason=b is no good')).toContain('Removed b');
    expect(await seen()).toBe('a 1\n');
    expect(await states()).toEqual([
      '5 rollback active',
      '4 rollback superseded',
      '3 install superseded',
      '2 install superseded',
      '1 install superseded',
    ]);
    expect(await lab.ok('rollback', '3')).toContain('Merged: a, b');
    expect(await seen()).toBe('a 2\nb 1\n');
  });

  test('to what a refresh found is to the set that was in force then', async () => {
    await lab.ok('install', lab.image('a'));
    await lab.ok('refresh');
    await lab.ok('remove', 'a');

    await lab.ok('rollback', '2');

    expect(await seen()).toBe('a 1\n');
  });

  test('tells its steps without taking them', async () => {
    await threeSets();

    const { steps } = await lab.json<{ steps: string[] }>('rollback', '1', '--dry-run');

    const { quick } = lab;
    expect(steps).toEqual([
      'compare the stored image of a with its digest',
      `take b.raw out of ${quick.root}/var/lib/extensions`,
      `put a.raw into ${quick.root}/var/lib/extensions`,
      'systemd-sysext refresh',
    ]);
    expect(await seen()).toBe('a 2\nb 1\n');
    expect(await states()).toHaveLength(3);
  });

  test('refuses what no longer fits this system, and changes nothing', async () => {
    const release = 'ID=scratch\nVERSION_ID=1\n';
    await lab.ok(
      'install',
      lab.put('old.raw', erofsImage({ ...releaseOf('old', release), 'usr/share/old/version': '1\n' })),
    );
    await lab.ok('remove', 'old');
    await lab.shell(`printf 'ID=scratch\\nVERSION_ID=2\\n' >etc/os-release`);

    expect(await lab.agent('rollback', '1')).toEqual(
      failure(5, 'old does not fit this host any more: it is for VERSION_ID=1', 'found: 1', 'Nothing was changed.'),
    );
    expect(await seen()).toBe('');
  });

  test('refuses a set that was never in force, one whose image is gone, one there is none of', async () => {
    await lab.ok('install', lab.image('a'));
    expect(await lab.agent('rollback')).toEqual(failure(2, 'there is no earlier set of extensions'));
    expect(await lab.agent('rollback', '7')).toEqual(failure(2, 'the history has no operation 7'));
    expect(await lab.agent('rollback', 'x')).toEqual(failure(2, 'x is not the number of an operation'));

    expect(await lab.agent('remove', 'nothing')).toMatchObject({ exitCode: 4 });
    await lab.ok('remove', 'a');
    await lab.shell('rm var/lib/sysext-agent/images/*');
    expect(await lab.agent('rollback', '1')).toEqual(
      failure(
        1,
        'the image of a is no longer in the store',
        'sha256 ',
        'a.raw',
        'Nothing was changed.',
        'Install a again',
      ),
    );
  });

  test('finds out that a stored image was damaged, and changes nothing', async () => {
    await lab.ok('install', lab.image('a'));
    await lab.ok('remove', 'a');
    await lab.shell('for f in var/lib/sysext-agent/images/*; do echo x >>$f; done');

    expect(await lab.agent('rollback')).toEqual(
      failure(7, 'the stored image of a was damaged', 'Nothing was changed.', 'Install a again'),
    );
    expect(await lab.shell('ls var/lib/extensions')).toBe('');
    expect(await states()).toEqual(['3 rollback failed', '2 remove active', '1 install superseded']);
    expect(await lab.ok('install', lab.image('a'))).toContain('Merged: a');
  });
});

test('the history tells of one operation who, why, which steps and which set', async () => {
  await threeSets();

  const { operation } = await lab.json<{ operation: Record<string, unknown> }>('history', '2');

  expect(operation).toMatchObject({
    id: 2,
    reason: 'for the demo',
    state: 'superseded',
    parent: 1,
    set: [{ name: 'a' }, { name: 'b', kind: 'raw', source: expect.stringMatching(/b\.raw$/) }],
    steps: [
      { description: expect.stringMatching(/^copy b from .*b\.raw into the store$/), durationMs: expect.any(Number) },
      { description: expect.stringMatching(/^put b\.raw into/), startedAt: expect.stringMatching(/^20/) },
      { description: 'systemd-sysext refresh', reason: 'what systemd finds has changed' },
    ],
  });
  expect(await lab.ok('history', '2')).toMatch(
    /^Reason: +for the demo$[^]*^Steps: +copy b from [^]*^Set: +a \(sha256/m,
  );
});

test('an operation that there is none of is no change that failed', async () => {
  await lab.ok('install', lab.image('a'));

  const { exitCode, stderr } = await lab.agent('history', '7');

  expect([exitCode, stderr]).toEqual([
    2,
    'sysext-agent: the history has no operation 7\n`sysext-agent history` shows the numbers.\n',
  ]);
});

test('the same image with something else allowed is another set, and a rollback keeps what was allowed in it', async () => {
  const image = lab.put('a.raw', erofsImage({ ...releaseOf('a'), 'usr/lib/udev/rules.d/90-a.rules': '' }));
  const allowed = async () => {
    const { extensions } = await lab.json<{ extensions: { allowed: { rule: string; by: string }[] }[] }>('list');
    return extensions.flatMap((one) => one.allowed.map(({ rule, by }) => `${rule} by ${basename(by)}`));
  };
  await lab.ok('install', image, '--allow=udev-rules');
  await lab.ok('install', image, '--allow=udev-rules');
  await lab.shell('mkdir -p etc/sysext-agent; echo "allow: [udev-rules]" >etc/sysext-agent/agent.yml');

  expect(await lab.ok('install', image)).toContain('Already installed: a');
  expect(await states()).toEqual(['3 install active', '2 install -', '1 install superseded']);
  expect(await allowed()).toEqual(['udev-rules by agent.yml']);
  await lab.ok('rollback');
  expect(await allowed()).toEqual(['udev-rules by --allow']);
  await lab.ok('remove', 'a');
  await lab.ok('rollback', '3');
  expect(await allowed()).toEqual(['udev-rules by agent.yml']);
});

test('diff tells what differs between two sets, and which files', async () => {
  await lab.ok('install', lab.image('a'), lab.image('gone'));
  await lab.ok('remove', 'gone');
  const files = { ...releaseOf('a'), 'usr/share/a/version': '22\n', 'usr/share/a/more': '' };
  await lab.ok('install', lab.put('a.raw', erofsImage(files)), lab.image('b'));

  expect(await lab.ok('diff', '1', '1')).toBe('The sets are the same.\n');
  expect(await lab.ok('diff', '1', '3', '--files')).toMatch(
    /^~ a .* -> .*\n {4}\+ \/usr\/share\/a\/more\n {4}~ \/usr\/share\/a\/version\n\+ b .*\n( {4}\+ .*\n)+- gone .*\n( {4}- .*\n)+$/,
  );
  expect(await lab.json('diff', '1', '3')).toMatchObject({
    differences: [
      { name: 'a', change: 'changed', files: null },
      { name: 'b', change: 'added', from: null, to: { version: null } },
      { name: 'gone', change: 'removed', to: null },
    ],
  });
});

describe('an extension that is held', () => {
  beforeEach(async () => {
    await lab.ok('install', lab.image('a'), lab.image('b'));
    expect(await lab.ok('hold', 'a')).toBe('Held: a\n');
  });

  test('is neither replaced nor removed, and is shown as held', async () => {
    const refusal = failure(1, 'a is held', 'Nothing was changed.', 'sysext-agent unhold a');

    expect(await lab.agent('install', lab.image('a', '2'))).toEqual(refusal);
    expect(await lab.agent('remove', 'a', 'b')).toEqual(refusal);
    expect(await seen()).toBe('a 1\nb 1\n');
    expect(await lab.ok('list')).toMatch(/^a .*agent, held/m);
  });

  test('can go when it is held no longer', async () => {
    expect(await lab.ok('unhold', 'a')).toBe('Nothing is held.\n');
    await lab.ok('remove', 'a');

    expect(await seen()).toBe('b 1\n');
    expect(await lab.agent('hold', 'a')).toMatchObject({ exitCode: 4 });
  });
});

describe('gc', () => {
  const images = async () => Number(await lab.shell('ls var/lib/sysext-agent/images | wc -l'));

  test('keeps what the set in force and the one before it need, whatever the limits', async () => {
    await threeSets();
    await lab.ok('remove', 'b');
    expect(await images()).toBe(3);

    expect(await lab.json('gc', '--keep=0', '--dry-run')).toMatchObject({ removed: [expect.any(String)], bytes: null });
    expect(await images()).toBe(3);
    expect(await lab.ok('gc', '--keep=0')).toMatch(
      /^Removed sha256 .*\nFreed: .*\nSets that can be rolled back to: 4, 3\n$/,
    );
    expect(await images()).toBe(2);
    expect(await lab.ok('rollback', '3')).toContain('Merged: a, b');
    expect(await lab.agent('gc', '--keep=x')).toEqual(failure(2, '--keep takes a whole number'));
  });

  test('is done by every operation with the usual limits', async () => {
    for (let version = 1; version <= 12; version++) await lab.ok('install', lab.image('a', String(version)));

    expect(await images()).toBe(10);
    expect(await lab.agent('rollback', '1')).toEqual(failure(1, 'the image of a is no longer in the store'));
    await lab.ok('rollback', '3');
    expect(await seen()).toBe('a 3\n');
  });
});

describe('what was changed by hand', () => {
  test('is shown by plan and put right by apply, and then there is nothing to do', async () => {
    await lab.ok('install', lab.image('a'), lab.image('b'));
    await lab.shell('rm var/lib/extensions/a.raw');

    expect(await lab.ok('plan')).toMatch(
      /put a\.raw into .*: systemd does not find it yet\n[^]*^a: merged, it fits every/m,
    );
    expect(await lab.ok('apply', '--dry-run')).toContain('would: put a.raw');
    expect(await lab.ok('apply')).toContain('Merged: a, b');
    expect(await lab.ok('status')).toContain('a');
    expect(await lab.ok('plan')).toMatch(/^Nothing to do\.\n/);
    expect(await lab.ok('apply')).toContain('Merged: a, b');
    expect(await states()).toEqual(['2 apply -', '1 install active']);
  });

  test('is merged again where someone unmerged it', async () => {
    await lab.ok('install', lab.image('a'));
    await lab.ok('unmerge');

    expect(await lab.ok('plan')).toContain('what is merged is not what is desired');
    await lab.ok('apply');
    expect(await seen()).toBe('a 1\n');
  });
});
