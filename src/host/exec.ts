import { constants } from 'node:os';

import { execa } from 'execa';

import { AgentError } from '../core/errors.ts';

export interface ExecOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Where standard output goes instead of into the result. */
  readonly stdoutFile?: string;
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
  const result: Outcome = await execa(program, [...args], {
    reject: false,
    extendEnv: false,
    env: { ...base, ...options.env },
    stripFinalNewline: false,
    maxBuffer: 256 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.stdoutFile === undefined ? {} : { stdout: { file: options.stdoutFile } }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal, forceKillAfterDelay: 2000 }),
  });
  if (result.isCanceled) throw new AgentError('interrupted', `${program} was interrupted`);
  return { exitCode: exitCodeOf(program, result), stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
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
