import { AgentError, isAgentError } from '../core/errors.ts';
import type { Exec, ExecResult } from './exec.ts';

/** What erofs-utils does for us: contents that are packed in ways that are not read here. */

/**
 * Unpacks a whole image to `to`, owned by this user.
 * @throws AgentError `tool-failed`, for a feature that this fsck.erofs does not know or damage; or `tool-missing`.
 */
export async function extractErofs(image: string, to: string, exec: Exec, signal?: AbortSignal): Promise<void> {
  const result = await run(image, extractArguments(image, to), exec, signal);
  if (result.exitCode === 0) return;
  throw new AgentError('tool-failed', `cannot unpack ${image}: fsck.erofs failed with exit code ${result.exitCode}`, {
    facts: result.stderr.trimEnd().split('\n').slice(-8),
    next: 'Install erofs-utils 1.8 or later; where that fails too, the image is damaged.',
  });
}

export function extractArguments(image: string, to: string): string[] {
  return [`--extract=${to}`, '--no-preserve', image];
}

async function run(image: string, args: readonly string[], exec: Exec, signal?: AbortSignal): Promise<ExecResult> {
  try {
    return await exec.run('fsck.erofs', args, signal === undefined ? {} : { signal });
  } catch (error) {
    if (!isAgentError(error, 'tool-missing')) throw error;
    throw new AgentError('tool-missing', `cannot unpack ${image}: this host has no fsck.erofs`, {
      cause: error,
      next: 'Install the package erofs-utils.',
    });
  }
}
