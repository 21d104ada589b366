import { randomBytes } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { failure } from './support/host-state.ts';
import { erofsImage, releaseOf } from './support/images.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';

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

const merged = async () => (await lab.json<{ merged: string[] }>('refresh')).merged;
const bareRefresh = () => lab.quick.run(['systemd-sysext', 'refresh', `--root=${lab.quick.root}`]);

describe('an image of ours that was damaged', () => {
  beforeEach(async () => {
    // The hard link in the search directory is the same file.
    await lab.shell('for f in var/lib/extensions/a.raw; do head -c 100 /dev/zero >$f; done');
  });

  test('would stop every merge, and goes out of sight: the others are merged', async () => {
    expect(await bareRefresh()).toMatchObject({ exitCode: 1 });

    expect(await merged()).toEqual(['b']);
    expect(await lab.shell('ls var/lib/extensions')).toBe('b.raw\n');
    expect(await bareRefresh()).toMatchObject({ exitCode: 0 });
    expect(await lab.agent('status')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(/^a is not merged: it was taken out: .*no image/m),
    });
  });

  test('comes back with the same image from its source, and not before', async () => {
    await lab.ok('refresh');
    await lab.ok('apply');
    expect(await lab.shell('ls var/lib/extensions')).toBe('b.raw\n');

    expect(await lab.ok('install', lab.image('a'))).toContain('Merged: a, b');
    expect(await merged()).toEqual(['a', 'b']);
    expect((await lab.agent('status')).exitCode).toBe(0);
  });

  test('does not keep another from being installed', async () => {
    expect(await lab.ok('install', lab.image('c'))).toContain('Merged: b, c');
  });
});

const bad: readonly (readonly [string, () => Buffer])[] = [
  ['empty', () => Buffer.alloc(0)],
  ['garbage', () => randomBytes(10_000)],
  ['cut short', () => erofsImage({ ...releaseOf('bad'), 'usr/share/x': 'x'.repeat(50_000) }).subarray(0, 4096)],
  ['of another name', () => erofsImage(releaseOf('other'))],
  ['with two release files for any name', () => erofsImage({ ...releaseOf('x'), ...releaseOf('y') })],
  ['an operating system', () => erofsImage({ ...releaseOf('bad'), 'usr/lib/os-release': 'ID=x\n' })],
];

describe.each(bad)('a foreign image that is %s', (_, bytes) => {
  test('does not keep ours from being merged, replaced and removed', async () => {
    lab.put('var/lib/extensions/bad.raw', bytes());

    expect(await lab.ok('install', lab.image('a', '2'), lab.image('c'))).toContain('Merged: a, b, c');
    expect(await lab.ok('remove', 'c')).toContain('Merged: a, b');
    expect(await lab.shell('cat usr/share/a/version')).toBe('2\n');
    expect(await lab.agent('status')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(
        /^bad is not merged: .*; to take it out: mv \/var\/lib\/extensions\/bad\.raw \/var\/tmp\/$/m,
      ),
    });
    expect(
      await lab.shell('test -e var/lib/extensions/bad.raw; cat run/extensions/bad/.masked-by-sysext-agent'),
    ).toContain('/var/lib/extensions/bad.raw');
  });
});

test('a mask goes when what it masks is gone or good', async () => {
  lab.put('var/lib/extensions/bad.raw', Buffer.alloc(0));
  expect(await merged()).toEqual(['a', 'b']);

  lab.put('var/lib/extensions/bad.raw', erofsImage(releaseOf('bad')));

  expect(await lab.ok('plan')).toContain('remove the mask /run/extensions/bad');
  expect(await merged()).toEqual(['a', 'b', 'bad']);
  expect(await lab.shell('ls -A run/extensions')).toBe('');
});

test('a directory that someone else made under that name is left as it is', async () => {
  await lab.shell('mkdir -p run/extensions/bad');
  lab.put('var/lib/extensions/bad.raw', Buffer.alloc(0));

  expect(await merged()).toEqual(['a', 'b']);
  await lab.shell('rm var/lib/extensions/bad.raw');
  expect(await merged()).toEqual(['a', 'b']);
  expect(await lab.shell('ls run/extensions')).toBe('bad\n');
});

test('an image in /etc/extensions cannot be masked: it is named, and nothing is changed', async () => {
  await lab.shell('mkdir -p etc/extensions; : >etc/extensions/bad.raw');

  expect(await lab.agent('install', lab.image('c'))).toEqual(
    failure(
      1,
      'would fail over /etc/extensions/bad.raw',
      'Nothing was changed.',
      'mv /etc/extensions/bad.raw /var/tmp/',
    ),
  );
  expect(await lab.shell('ls var/lib/extensions; cat usr/share/a/version')).toBe('a.raw\nb.raw\n1\n');
});
