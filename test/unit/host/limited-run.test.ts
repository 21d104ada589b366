import { existsSync, readFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../../src/host/clock.ts';
import { createExec } from '../../../src/host/exec.ts';
import type { LimitedResult, RunLimits } from '../../../src/host/limited-run.ts';
import { waitFor } from '../../lab/wait.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { standingClock } from '../../support/clock.ts';

const exec = createExec({});
const minute = { timeout: 60_000, clock: systemClock };

/** The process whose number a script printed is gone. */
async function gone(pid: string): Promise<void> {
  await waitFor(`process ${pid} is gone`, async () =>
    (await exec.run('test', ['-e', `/proc/${pid}`])).exitCode === 0 ? undefined : true,
  );
}

describe('a program that ends', () => {
  test('gives back its exit code and what it printed, in order', async () => {
    expect(await exec.runLimited('sh', ['-c', 'echo out; echo err >&2; exit 3'], minute)).toEqual({
      exitCode: 3,
      output: 'out\nerr\n',
    });
  });

  test('may print without measure: the end of it is kept', async () => {
    const { exitCode, output } = await exec.runLimited('sh', ['-c', 'head -c 50000000 /dev/zero; echo end'], minute);

    expect(exitCode).toBe(0);
    expect(output).toHaveLength(64 * 1024);
    expect(output).toMatch(/\0end\n$/);
  });

  test('is not waited for over a child that keeps its output open', async () => {
    const clock = standingClock();

    const running = exec.runLimited('sh', ['-c', 'sleep 1000 & echo $!'], { timeout: 60_000, clock });
    await clock.pass(2000);
    const { exitCode, output } = await running;

    expect(exitCode).toBe(0);
    await gone(output.trim());
  });

  test('is not waited for over one in a session of its own either', async () => {
    const clock = standingClock();

    const running = exec.runLimited('sh', ['-c', 'setsid sleep 1000 & echo $!'], { timeout: 60_000, clock });
    await clock.pass(2000);
    const { exitCode, output } = await running;

    expect(exitCode).toBe(0);
    await exec.run('kill', [output.trim()]);
  });
});

describe('a program that takes too long', () => {
  let work: ReturnType<typeof temporaryDirectory>;

  beforeEach(() => {
    work = temporaryDirectory();
  });

  afterEach(() => {
    work[Symbol.dispose]();
  });

  /** Starts a script that says in a file that it is under way, by its number. */
  function start(script: string, limits: Partial<RunLimits>): Promise<LimitedResult> {
    const announced = script.replace('READY', () => 'echo $$ >"$0.new"; mv "$0.new" "$0"');
    return exec.runLimited('sh', ['-c', announced, work.at('pid')], { ...minute, ...limits });
  }

  const ready = () =>
    waitFor('the script is under way', () =>
      existsSync(work.at('pid')) ? /^\d+$/m.exec(readFileSync(work.at('pid'), 'utf8'))?.[0] : undefined,
    );

  test('is ended with all of its group, and what it said is kept', async () => {
    const clock = standingClock();

    const running = start('echo before; READY; sleep 1000', { timeout: 5000, clock });
    const pid = await ready();
    await clock.pass(5000);

    expect(await running).toEqual({ exitCode: undefined, output: 'before\n' });
    await gone(pid);
  });

  test('is ended even where it does not want to be', async () => {
    const clock = standingClock();

    const running = start('trap "" TERM; READY; while :; do sleep 0.05; done', { timeout: 60_000, clock });
    const pid = await ready();
    await clock.pass(60_000);
    await clock.pass(2000);

    expect(await running).toMatchObject({ exitCode: undefined });
    await gone(pid);
  });

  test('is ended by a signal from us as well', async () => {
    const interruption = new AbortController();

    const running = start('READY; sleep 1000', { signal: interruption.signal });
    const pid = await ready();
    interruption.abort();

    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    await gone(pid);
  });
});

describe('a program that cannot be run', () => {
  test('is named', async () => {
    await expect(exec.runLimited('no-such-program', [], minute)).rejects.toMatchObject({ code: 'tool-missing' });
    await expect(exec.runLimited('/etc/passwd', [], minute)).rejects.toMatchObject({ code: 'tool-failed' });
  });

  test('is named where its arguments are more than the kernel takes', async () => {
    await expect(exec.runLimited('true', ['x'.repeat(1_000_000)], minute)).rejects.toMatchObject({
      code: 'tool-failed',
    });
  });
});
