import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { AgentError, isAgentError } from '../core/errors.ts';
import { fileStatus } from './files.ts';

export interface ExecOptions {
  readonly input?: string | Uint8Array | Readable;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Runs in a session of its own: Ctrl-C at the terminal does not reach it, for what must not stop half-way. */
  readonly shielded?: boolean;
  /** Where standard output goes instead of into the result. */
  readonly stdoutFile?: string;
  /** Takes standard output in pieces instead of into the result; an AgentError it throws ends the program and the run. */
  readonly onOutput?: (piece: Uint8Array) => void;
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
   * @throws AgentError `tool-missing` where there is no such program, `interrupted` when the signal aborts it.
   */
  run(program: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
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

export function createExec(env: NodeJS.ProcessEnv): Exec {
  const base: Record<string, string> = { PATH: searchPath, LC_ALL: 'C.UTF-8' };
  for (const name of passedOn) if (env[name] !== undefined) base[name] = env[name];
  return { run: (program, args, options = {}) => run(program, args, options, base) };
}

/** The part of execa's result that we read; which fields are set depends on how the program ended. */
interface Outcome {
  readonly isCanceled: boolean;
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  readonly cause?: unknown;
}

async function run(
  program: string,
  args: readonly string[],
  options: ExecOptions,
  base: Record<string, string>,
): Promise<ExecResult> {
  // Loaded when the first program is run: commands that run none start without it.
  const { execa } = await import('execa');
  const result: Outcome = await execa(program, [...args], {
    reject: false,
    extendEnv: false,
    env: { ...base, ...options.env },
    stripFinalNewline: false,
    maxBuffer: 256 * 1024 * 1024,
    detached: options.shielded === true,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.stdoutFile === undefined ? {} : { stdout: { file: options.stdoutFile } }),
    ...(options.onOutput === undefined ? {} : { stdout: passTo(options.onOutput) }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal, forceKillAfterDelay: 2000 }),
  });
  if (result.isCanceled) throw new AgentError('interrupted', `${program} was interrupted`);
  if (isAgentError(result.cause)) throw result.cause;
  return { exitCode: exitCodeOf(program, result), stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
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

/** The exit code as a shell would show it: 128 and the number of the signal that ended the program. */
function exitCodeOf(program: string, result: Outcome): number {
  if (result.exitCode !== undefined) return result.exitCode;
  if (result.signal === undefined) throw cannotStart(program, result.cause);
  return 128 + constants.signals[result.signal];
}

function cannotStart(program: string, cause: unknown): AgentError {
  const missing = (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return missing
    ? new AgentError('tool-missing', `the program ${program} is not installed`, {
        cause,
        next: `Install the package that ships ${program}.`,
      })
    : new AgentError('tool-failed', `cannot start ${program}`, { cause });
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
    facts: result.stderr.trimEnd().split('\n').slice(-8),
  });
}
