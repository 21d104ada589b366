import { Readable } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { createExec, findProgram, runOk } from '../../../src/host/exec.ts';

const exec = createExec({ HOME: '/home/of-the-test', NODE_OPTIONS: '--require=/evil', LD_PRELOAD: '/evil.so' });

describe('a program that is run', () => {
  test('gives back what it printed and its exit code', async () => {
    const result = await exec.run('sh', ['-c', 'echo out; echo err >&2; exit 3']);

    expect(result).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  });

  test('that a signal ended has the exit code a shell would show', async () => {
    expect((await exec.run('sh', ['-c', 'kill -TERM $$'])).exitCode).toBe(143);
  });

  test('sees what it needs of our environment, and nothing that changes what it loads', async () => {
    const { stdout } = await exec.run('env', [], { env: { EXTRA: 'given' } });

    const names = stdout.split('\n').map((line) => line.split('=')[0]);
    expect(names.filter((name) => name !== '').sort()).toEqual(['EXTRA', 'HOME', 'LC_ALL', 'PATH']);
  });

  test('reads nothing, and takes its arguments as they are', async () => {
    expect((await exec.run('cat', [])).stdout).toBe('');
    expect(await exec.run('printf', ['%s', '$(id); `id` "'])).toMatchObject({ stdout: '$(id); `id` "' });
  });

  test('can be in a session of its own', async () => {
    const sessionOf = async (shielded: boolean) =>
      (await exec.run('sh', ['-c', 'test "$(cut -d" " -f6 /proc/$$/stat)" = $$'], { shielded })).exitCode;

    expect([await sessionOf(true), await sessionOf(false)]).toEqual([0, 1]);
  });

  test('may print more than fits into a pipe', async () => {
    expect((await exec.run('head', ['-c', '3000000', '/dev/zero'])).stdout).toHaveLength(3_000_000);
  });
});

describe('a program that cannot be run to its end', () => {
  test('is named where it is missing', async () => {
    await expect(exec.run('no-such-program', [])).rejects.toMatchObject({
      code: 'tool-missing',
      message: 'the program no-such-program is not installed',
    });
  });

  test('is ended by the signal, and gone when that is told', async () => {
    const interruption = new AbortController();
    const running = exec.run('sh', ['-c', 'trap "echo ended; exit" TERM; echo $$; while :; do sleep 0.05; done'], {
      signal: interruption.signal,
    });
    interruption.abort();

    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
  });

  test('is ended when its time is over, with what it started', async () => {
    await expect(
      exec.run('sh', ['-c', 'sleep 1000 & sleep 1000'], { shielded: true, timeLimit: 0.1 }),
    ).rejects.toMatchObject({ code: 'tool-failed', message: 'sh was not done after 0.1 s, and was ended' });
  });

  test('is ended by the interruption of all, and what is begun afterwards is not', async () => {
    const interruption = new AbortController();
    const interruptible = createExec({}, interruption.signal);
    const running = interruptible.run('sleep', ['1000']);
    interruption.abort();

    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    expect(await interruptible.run('echo', ['put back'])).toMatchObject({ stdout: 'put back\n' });
  });

  test('is not begun after the signal', async () => {
    await expect(exec.run('true', [], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'interrupted' });
  });

  test('that must succeed fails with the end of what it said', async () => {
    await expect(runOk(exec, 'sh', ['-c', 'echo first >&2; echo last >&2; exit 1'])).rejects.toMatchObject({
      code: 'tool-failed',
      details: { facts: ['first', 'last'] },
    });
  });
});

describe('a program that data flows through', () => {
  test('takes input and gives its output in pieces', async () => {
    const pieces: Uint8Array[] = [];

    const result = await exec.filter('tr', ['a-z', 'A-Z'], Readable.from([Buffer.from('data')]), (piece) => {
      pieces.push(piece);
    });

    expect(Buffer.concat(pieces).toString()).toBe('DATA');
    expect(result.exitCode).toBe(0);
  });

  test('ends with the error of the one who takes its output', async () => {
    const full = new AgentError('disk-full', 'no space');

    const run = exec.filter('yes', [], Readable.from([]), () => {
      throw full;
    });

    await expect(run).rejects.toBe(full);
  });

  test('is named where it is missing', async () => {
    await expect(exec.filter('no-such-program', [], Readable.from([]), () => undefined)).rejects.toMatchObject({
      code: 'tool-missing',
    });
  });
});

test('programs are found where they would be run from', () => {
  expect(findProgram('sh')).toMatch(/\/bin\/sh$/);
  expect(findProgram('no-such-program')).toBeUndefined();
});
