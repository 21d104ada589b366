import { AgentError } from '../core/errors.ts';
import { tailOf, type Exec, type ExecResult } from '../host/exec.ts';

/**
 * Runs a program of the host that may wait for someone else, for so many seconds at most. Ctrl-C does not reach it.
 * @throws AgentError `tool-missing` where there is no such program, `tool-failed` where it takes longer.
 */
export function runLimited(
  exec: Exec,
  timeLimit: number,
  program: string,
  args: readonly string[],
): Promise<ExecResult> {
  return exec.run(program, args, { shielded: true, timeLimit });
}

/** How programs say EROFS in the locale that ours have. */
const readOnly = /\bRead-only file system$/m;

/**
 * The same for a program that must succeed.
 * @param fine exit codes besides 0 that are no failure.
 * @throws AgentError `tool-failed` with the end of its error output, `read-only` where that says so.
 */
export async function runLimitedOk(
  exec: Exec,
  timeLimit: number,
  program: string,
  args: readonly string[],
  fine: readonly number[] = [],
): Promise<void> {
  const { exitCode, stderr } = await runLimited(exec, timeLimit, program, args);
  if (exitCode === 0 || fine.includes(exitCode)) return;
  const facts = tailOf(stderr);
  if (readOnly.test(stderr))
    throw new AgentError('read-only', `${program} failed: the file system is read-only`, { facts });
  throw new AgentError('tool-failed', `${program} failed with exit code ${exitCode}`, { facts });
}
