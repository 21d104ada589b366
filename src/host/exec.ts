import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { AgentError, isAgentError } from '../core/errors.ts';
import { limit } from './ending.ts';
import { fileStatus } from './files.ts';
import { lentDescriptors } from './lent.ts';
import { runLimited, type LimitedExec } from './limited-run.ts';
import { cannotStart, exitCode, interrupted } from './program-end.ts';

export interface ExecOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /**
   * For what must not stop half-way: it runs in a session of its own, where Ctrl-C at the terminal does not reach it; the
   * signal leaves it some seconds to end; and nobody else gets the lock while it is at work, even if we are killed.
   */
  readonly shielded?: boolean;
  /** How long it may take, in seconds. */
  readonly timeLimit?: number;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs of the host: always an argument vector, never a shell. */
export interface Exec {
  /**
   * Runs `program` to its end and returns what it printed, whatever its exit code.
   * @throws AgentError `tool-missing` where there is no such program, `interrupted` when the signal ends it, `tool-failed`
   * where its time is over.
   */
  run(program: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

/** Programs that data flows through as well. */
export interface PipingExec extends Exec, LimitedExec {
  /**
   * Runs `program` with `input` on its standard input, and gives what it writes to `take`, in pieces. An AgentError that
   * `take` throws ends the program and the run. The result has no `stdout`.
   */
  filter(
    program: string,
    args: readonly string[],
    input: Readable,
    take: (piece: Uint8Array) => void,
    options?: ExecOptions,
  ): Promise<ExecResult>;
}

/** What a program that we start sees of our environment: enough to work and nothing that changes what it loads. */
const passedOn = ['HOME', 'LANG', 'TERM', 'TMPDIR', 'SOURCE_DATE_EPOCH', 'SYSTEMD_LOG_LEVEL'] as const;
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where run() finds a program of this name, or undefined where this host has none. */
export function findProgram(name: string): string | undefined {
  return searchPath
    .split(':')
    .map((directory) => join(directory, name))
    .find((path) => fileStatus(path)?.isFile());
}

/**
 * @param interruption ends the programs that run when it comes, unless they have a signal of their own; what is begun
 * afterwards puts things back, and runs to its end.
 */
export function createExec(env: NodeJS.ProcessEnv, interruption?: AbortSignal): PipingExec {
  const base: Record<string, string> = { PATH: searchPath, LC_ALL: 'C.UTF-8' };
  for (const name of passedOn) if (env[name] !== undefined) base[name] = env[name];
  const signalFor = ({ signal }: ExecOptions) => {
    const chosen = signal ?? (interruption?.aborted === true ? undefined : interruption);
    return chosen === undefined ? {} : { signal: chosen };
  };
  return {
    run: (program, args, options = {}) =>
      run(program, args, { ...options, ...signalFor(options) }, { ...base, ...options.env }),
    filter: (program, args, input, take, options = {}) =>
      filter([program, ...args], { input, take }, options, { ...base, ...options.env }),
    runLimited: (program, args, limits) => runLimited(program, args, limits, base),
  };
}

type Environment = Readonly<Record<string, string>>;

/** With Node's own spawn(): most commands run one small program, and loading execa takes longer than that. */
async function run(
  program: string,
  args: readonly string[],
  { cwd, signal, shielded = false, timeLimit }: ExecOptions,
  env: Environment,
): Promise<ExecResult> {
  const { spawn } = await import('node:child_process');
  if (signal?.aborted === true) throw interrupted(program);
  return new Promise((resolve, reject) => {
    const kept = shielded ? lentDescriptors() : [];
    const child = spawn(program, args, { cwd, env, detached: shielded, stdio: ['ignore', 'pipe', 'pipe', ...kept] });
    const endedBy = limit(child, { signal, timeLimit, shielded });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout?.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr?.on('data', (piece: Buffer) => stderr.push(piece));
    child.once('error', (error) => {
      reject(cannotStart(program, error));
    });
    child.once('close', (code, signalName) => {
      const why = endedBy();
      if (why !== undefined)
        reject(why === 'signal' ? interrupted(program) : tooLate(program, timeLimit, text(stderr)));
      else resolve({ exitCode: exitCode(code, signalName), stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

function text(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString('utf8');
}

function tooLate(program: string, timeLimit = 0, said: string): AgentError {
  return new AgentError('tool-failed', `${program} was not done after ${timeLimit} s, and was ended`, {
    ...(said === '' ? {} : { facts: tailOf(said) }),
  });
}

/** The part of execa's result that we read; which fields are set depends on how the program ended. */
interface Outcome {
  readonly isCanceled: boolean;
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
  readonly stderr?: string | undefined;
  readonly cause?: unknown;
}

interface Flow {
  readonly input: Readable;
  readonly take: (piece: Uint8Array) => void;
}

/** With execa: it joins streams so that an error on either side ends the other. */
async function filter(
  [program, ...args]: readonly [string, ...string[]],
  { input, take }: Flow,
  { cwd, signal, shielded = false }: ExecOptions,
  env: Environment,
): Promise<ExecResult> {
  const { execa } = await import('execa');
  const result: Outcome = await execa(program, args, {
    reject: false,
    extendEnv: false,
    env,
    input,
    detached: shielded,
    stdout: passTo(take),
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal, forceKillAfterDelay: 2000 }),
  });
  if (result.isCanceled) throw interrupted(program);
  if (isAgentError(result.cause)) throw result.cause;
  if (result.exitCode === undefined && result.signal === undefined) throw cannotStart(program, result.cause);
  return { exitCode: exitCode(result.exitCode, result.signal), stdout: '', stderr: result.stderr ?? '' };
}

/** A transform for execa that lets nothing through. */
function passTo(take: (piece: Uint8Array) => void): {
  readonly binary: true;
  transform(piece: unknown): Generator<never, void, void>;
} {
  return {
    binary: true,
    *transform(piece) {
      if (piece instanceof Uint8Array) take(piece);
    },
  };
}

/**
 * Runs a program that must succeed, and returns its standard output.
 * @throws AgentError `tool-failed` with the tail of its error output.
 */
export async function runOk(
  exec: Exec,
  program: string,
  args: readonly string[],
  options?: ExecOptions,
): Promise<string> {
  const result = await exec.run(program, args, options);
  if (result.exitCode === 0) return result.stdout;
  throw new AgentError('tool-failed', `${program} failed with exit code ${result.exitCode}`, {
    facts: tailOf(result.stderr),
  });
}

/** The lines of an error output that say most. */
export function tailOf(text: string): string[] {
  return text.trimEnd().split(/\r?\n/).slice(-8);
}
