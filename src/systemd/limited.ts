import { AgentError } from '../core/errors.ts';
import { findProgram, type Exec, type ExecResult } from '../host/exec.ts';

/** What timeout(1) ends with where the time was not enough. */
const timedOut = 124;

/**
 * Runs a program of the host that may wait for someone else, for so many seconds at most. Ctrl-C does not reach it.
 * @throws AgentError `tool-missing` where there is no such program, `tool-failed` where it takes longer.
 */
export async function runLimited(
  exec: Exec,
  seconds: number,
  program: string,
  args: readonly string[],
): Promise<ExecResult> {
  if (findProgram(program) === undefined) {
    throw new AgentError('tool-missing', `the program ${program} is not installed`, {
      next: `Install the package that ships ${program}.`,
    });
  }
  const limits = ['--kill-after=5', String(seconds)];
  const result = await exec.run('timeout', [...limits, program, ...args], { shielded: true });
  if (result.exitCode !== timedOut) return result;
  throw new AgentError('tool-failed', `${program} did not end within ${seconds} s`, { facts: tail(result.stderr) });
}

/**
 * The same for a program that must succeed.
 * @param fine exit codes besides 0 that are no failure.
 * @throws AgentError `tool-failed` with the end of its error output.
 */
export async function runLimitedOk(
  exec: Exec,
  seconds: number,
  program: string,
  args: readonly string[],
  fine: readonly number[] = [],
): Promise<void> {
  const { exitCode, stderr } = await runLimited(exec, seconds, program, args);
  if (exitCode === 0 || fine.includes(exitCode)) return;
  throw new AgentError('tool-failed', `${program} failed with exit code ${exitCode}`, { facts: tail(stderr) });
}

function tail(text: string): string[] {
  return text.trimEnd().split('\n').slice(-8);
}
