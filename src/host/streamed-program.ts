import { spawn, type ChildProcessByStdio } from 'node:child_process';
import fs from 'node:fs';
import type { Readable } from 'node:stream';

import { cannotStart, exitCode } from './program-end.ts';

/** A program that runs, and whose output is handed on as it comes. */
export interface StreamedProgram {
  readonly pid: number;
  /**
   * How it ended, as a shell would show it, when nobody writes its output any more.
   * @throws what `take` throws, AgentError `tool-missing`, `tool-failed` where it cannot be started.
   */
  readonly ended: Promise<number>;
  /** Ends it at once. */
  kill(): void;
}

export type Take = (piece: Uint8Array, stream: 'stdout' | 'stderr') => void;

/**
 * Starts a program with nothing on its standard input, in a session of its own, where Ctrl-C does not reach it. Of what we
 * have open it gets nothing, not even what we were given ourselves by who started us.
 */
export function startStreamed(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  take: Take,
): StreamedProgram {
  const child = start(program, args, env);
  const kill = () => child.kill('SIGKILL');
  const ended = new Promise<number>((resolve, reject) => {
    const handOn = (stream: 'stdout' | 'stderr') => (piece: Buffer) => {
      try {
        take(piece, stream);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        kill();
      }
    };
    child.stdout.on('data', handOn('stdout'));
    child.stderr.on('data', handOn('stderr'));
    child.once('error', (error) => {
      reject(cannotStart(program, error));
    });
    child.once('close', (code, signal) => {
      resolve(exitCode(code, signal));
    });
  });
  return { pid: child.pid ?? 0, ended, kill };
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** No program can close descriptors that it does not know of: something else takes their places. */
function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Child {
  const nothing = fs.openSync('/dev/null', 'r');
  const covers = Array<number>(highestInherited() - 2).fill(nothing);
  try {
    // The type of spawn() knows of three streams only.
    return spawn(program, args, {
      cwd: '/',
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...covers],
    }) as Child;
  } finally {
    fs.closeSync(nothing);
  }
}

function highestInherited(): number {
  return Math.max(2, ...fs.readdirSync('/proc/self/fd').map(Number).filter(isInherited));
}

function isInherited(descriptor: number): boolean {
  const closesOnExec = 0o2000000;
  try {
    const [, flags = ''] = /^flags:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')) ?? [];
    return (Number.parseInt(flags, 8) & closesOnExec) === 0;
  } catch {
    // That of the directory that was just read.
    return false;
  }
}
