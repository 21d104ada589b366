import { mkdirSync, writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { confirmHealth, healthChecks } from '../../../src/agent/health.ts';
import type { HealthCheck, HealthProbe } from '../../../src/core/health.ts';
import { createExec } from '../../../src/host/exec.ts';
import { standingClock } from '../../support/clock.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const exec = createExec({});

function checkOf(probe: HealthProbe, more: Partial<HealthCheck> = {}): HealthCheck {
  return { name: 'net', probe, timeout: 10_000, retries: 0, interval: 1000, by: '/etc/net.yml', ...more };
}

function script(text: string, more: Partial<HealthCheck> = {}): HealthCheck {
  return checkOf({ kind: 'command', command: ['sh', '-c', text] }, more);
}

describe('a command', () => {
  test('that ends with 0 is well', async () => {
    await confirmHealth({ exec, clock: standingClock() }, script('echo fine'));
  });

  test('that fails is told with whose it is and the end of what it said', async () => {
    const failing = script('printf "one\\ntwo \\033[2J"; exit 7', { extension: 'web', by: 'x-sysext of web.yml' });

    await expect(confirmHealth({ exec, clock: standingClock() }, failing)).rejects.toMatchObject({
      code: 'rolled-back',
      message: 'the health check net of web (x-sysext of web.yml) failed with exit code 7',
      details: { facts: ['one', 'two \\u{1b}[2J'], next: expect.stringContaining('--retry') },
    });
  });

  test('is tried again, with a pause in between', async () => {
    using work = temporaryDirectory();
    const clock = standingClock();
    const third = `echo >>${work.at('tries')}; test $(wc -l <${work.at('tries')}) -eq 3`;

    const confirmed = confirmHealth({ exec, clock }, script(third, { retries: 2 }));
    await clock.pass(1000);
    await clock.pass(1000);

    await confirmed;
  });

  test('that fails every time is told with the number of attempts', async () => {
    const clock = standingClock();

    const failed = expect(confirmHealth({ exec, clock }, script('exit 1', { retries: 1 }))).rejects.toMatchObject({
      message: 'the health check net (/etc/net.yml) failed with exit code 1, in 2 attempts',
    });
    await clock.pass(1000);

    await failed;
  });

  test('for what is prepared is run there, and on the host where nothing is', async () => {
    const check = checkOf({ kind: 'prepare', command: ['web', '--self-test'] });
    const ran: (readonly string[])[] = [];
    const preview = {
      root: '/run/prepared',
      end: { exitCode: 0, said: [] },
      run: (argv: readonly string[]) => {
        ran.push(argv);
        return Promise.resolve({ exitCode: 3, output: 'no port\n' });
      },
    };

    await expect(confirmHealth({ exec, clock: standingClock(), preview }, check)).rejects.toMatchObject({
      message: 'the health check net (/etc/net.yml) failed with exit code 3 in the prepared tree, which nobody saw',
      details: { facts: ['no port'] },
    });
    expect(ran).toEqual([['web', '--self-test']]);
    await confirmHealth({ exec, clock: standingClock() }, checkOf({ kind: 'prepare', command: ['true'] }));
  });

  test('that hangs has an end', async () => {
    const clock = standingClock();

    const failed = expect(
      confirmHealth({ exec, clock }, checkOf({ kind: 'command', command: ['sleep', '1000'] })),
    ).rejects.toMatchObject({ message: 'the health check net (/etc/net.yml) took longer than 10s' });
    await clock.pass(10_000);

    await failed;
  });

  test.each([
    [['no-such-\u001bprogram'], 'cannot be made: the program no-such-\\u{1b}program is not installed', []],
    [['/etc/passwd'], 'cannot be made: cannot start /etc/passwd', ['spawn /etc/passwd EACCES']],
  ])('that cannot be run is told: %j', async (command, how, facts) => {
    await expect(
      confirmHealth({ exec, clock: standingClock() }, checkOf({ kind: 'command', command })),
    ).rejects.toMatchObject({ message: `the health check net (/etc/net.yml) ${how}`, details: { facts } });
  });

  test('is ended by an interruption, and so is the pause before the next attempt', async () => {
    const interruption = new AbortController();
    const running = [script('sleep 1000'), script('exit 1', { retries: 9 })].map((check) =>
      confirmHealth({ exec, clock: standingClock() }, check, interruption.signal).catch((error: unknown) => error),
    );
    interruption.abort();

    expect(await Promise.all(running)).toMatchObject([{ code: 'interrupted' }, { code: 'interrupted' }]);
  });
});

test('below another root there are no checks', async () => {
  using root = temporaryDirectory();
  mkdirSync(root.at('etc/sysext-agent/health.d'), { recursive: true });
  writeFileSync(root.at('etc/sysext-agent/health.d/net'), '#!/bin/sh\n', { mode: 0o755 });

  expect(await healthChecks(root.at('.'))).toEqual([]);
});
