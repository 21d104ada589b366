import { AgentError, exitCodeOf, type ErrorCode } from '../core/errors.ts';

/** How every error begins that this program prints. */
export const errorPrefix = 'sysext-agent: ';

/** Those that a caller of another run of this program tells apart; anything else failed in it. */
const told: readonly ErrorCode[] = ['usage', 'incompatible', 'verification-failed', 'content-refused', 'busy'];

/** A line of a file below a problem, and the caret below that (renderProblem()). */
const excerpt = /^ +(?:\d+ \| .*|\^)$/;

/**
 * The error that another run of this program ended with, as renderError() printed it.
 * @param output all that it printed, which may have progress before that.
 * @param what says what failed where it printed no error, as when it was killed.
 */
export function saidError(output: string, exitCode: number, what: string): AgentError {
  const code = told.find((one) => exitCodeOf[one] === exitCode) ?? 'tool-failed';
  const lines = output.trimEnd().split('\n');
  const begin = lines.findLastIndex((line) => line.startsWith(errorPrefix));
  if (begin === -1)
    return new AgentError(code, `${what} ended with exit code ${exitCode}`, { facts: lines.slice(-12) });
  const [message = '', ...facts] = lines.slice(begin);
  return new AgentError(code, message.slice(errorPrefix.length), {
    facts: facts.filter((line) => !excerpt.test(line)),
  });
}
