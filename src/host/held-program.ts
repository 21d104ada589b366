import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { AgentError } from '../core/errors.ts';
import { cannotStart } from './program-end.ts';

/**
 * Starts a program that goes on until its standard input ends: when the result is disposed of, and when we end in any way.
 * Ctrl-C at the terminal does not reach it. What it is given to read is one line, and it is held as soon as it writes
 * something.
 * @param patience how long that may take, in seconds.
 * @throws AgentError `tool-missing`, `tool-failed` where it ends before that, or takes longer.
 */
export async function holdProgram(
  program: string,
  args: readonly string[],
  patience: number,
): Promise<AsyncDisposable> {
  const child = spawn(program, args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
  });
  const ended = endOf(child, program);
  // It may end before it reads.
  child.stdin.on('error', () => undefined);
  child.stdin.write('held\n');
  const tooLate = setTimeout(() => child.kill('SIGKILL'), patience * 1000);
  const enough = new AbortController();
  try {
    const answer = once(child.stdout, 'data', { signal: enough.signal });
    if ((await Promise.race([answer, ended])) === undefined)
      throw new AgentError('tool-failed', `${program} did not start, or ended at once`);
  } finally {
    clearTimeout(tooLate);
    enough.abort();
    child.stdout.resume();
  }
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

async function endOf(child: ChildProcess, program: string): Promise<undefined> {
  try {
    await once(child, 'close');
    return undefined;
  } catch (error) {
    throw cannotStart(program, error);
  }
}
