import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import type { Clock } from './clock.ts';
import { deadlineIn, outcomeBy } from './deadline.ts';
import { cannotStart, exitCode, interrupted } from './program-end.ts';

export interface RunLimits {
  /** How long the program may take, in milliseconds. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export interface LimitedResult {
  /** Undefined where its time ran out. */
  readonly exitCode: number | undefined;
  /** The end of what it printed, on both streams as it came. */
  readonly output: string;
}

/** Runs programs that nobody vouches for: they may hang, print without end, or leave children behind. */
export interface LimitedExec {
  /**
   * Runs `program` in a session of its own and returns in time whatever it does: it is ended, with its process group,
   * when its time is over, and no one waits for what a child of it still holds open.
   * @throws AgentError `tool-missing`, `tool-failed` where it cannot be started, `interrupted`.
   */
  runLimited(program: string, args: readonly string[], limits: RunLimits): Promise<LimitedResult>;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** How much output is kept, in bytes. */
const mostOutput = 64 * 1024;

/** How long to wait for what should happen at once, in milliseconds. */
const grace = 2000;

export async function runLimited(
  program: string,
  args: readonly string[],
  { timeout, clock, signal }: RunLimits,
  env: Readonly<Record<string, string>>,
): Promise<LimitedResult> {
  refuseAborted(program, signal);
  const child = await start(program, args, env);
  const closed = once(child, 'close').catch(() => undefined);
  const output = tailOf(child);
  try {
    const outcome = await outcomeBy(deadlineIn(clock, timeout, signal), exitOf(child, program));
    const ended = typeof outcome === 'object';
    if (!ended) await end(child, closed, clock);
    // A child that it left behind may keep the pipes open for ever.
    else if ((await outcomeBy(deadlineIn(clock, grace), closed)) === 'late') kill(child, 'SIGKILL');
    refuseAborted(program, signal);
    return { exitCode: ended ? outcome.value : undefined, output: output() };
  } finally {
    child.stdout.destroy();
    child.stderr.destroy();
    child.unref();
  }
}

/** Some failures of spawn() are thrown, such as that of a file in no format that the kernel runs. */
async function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Child> {
  const { spawn } = await import('node:child_process');
  try {
    return spawn(program, args, { cwd: '/', env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw cannotStart(program, error);
  }
}

function refuseAborted(program: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted(program);
}

function exitOf(child: Child, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(cannotStart(program, error));
    });
    child.once('exit', (code, signalName) => {
      resolve(exitCode(code, signalName));
    });
  });
}

/** One that waits in the kernel does not even die of SIGKILL: nobody waits for it. */
async function end(child: Child, closed: Promise<unknown>, clock: Clock): Promise<void> {
  kill(child, 'SIGTERM');
  await outcomeBy(deadlineIn(clock, grace), closed);
  kill(child, 'SIGKILL');
  await outcomeBy(deadlineIn(clock, grace), closed);
}

/** Its whole process group, which it leads; where nothing is left of that nothing happens. */
function kill({ pid }: Child, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Collects the end of what a program prints; more is not kept, however much it is. */
function tailOf({ stdout, stderr }: Child): () => string {
  const pieces: Buffer[] = [];
  let size = 0;
  const keep = (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    for (let first = pieces[0]; first !== undefined && size - first.length >= mostOutput; first = pieces[0]) {
      size -= first.length;
      pieces.shift();
    }
  };
  stdout.on('data', keep);
  stderr.on('data', keep);
  return () => Buffer.concat(pieces).subarray(-mostOutput).toString('utf8');
}
