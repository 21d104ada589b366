import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Exec } from '../../host/exec.ts';
import { removeTree, rename, temporaryBeside } from '../../host/files.ts';
import { commandFor, type Command, type ImageFormat, type ImageRequest } from './command.ts';

export interface MadeImage {
  readonly format: ImageFormat;
  readonly warnings: readonly string[];
}

/**
 * Makes the image of a tree of files and puts it in place in one step: all files are root's, times and modes as they
 * are. The same tree, UUID and timestamp give the same bytes with the same program. Where mkfs.erofs is missing the
 * image becomes squashfs, with a warning.
 * @throws AgentError `tool-missing`, `tool-failed`, `disk-full`, `interrupted`; `output` is then as it was.
 */
export async function makeImage(
  request: ImageRequest,
  format: ImageFormat,
  exec: Exec,
  signal?: AbortSignal,
): Promise<MadeImage> {
  const temporary = temporaryBeside(request.output);
  try {
    const made = await makeAny({ ...request, output: temporary }, format, exec, signal);
    rename(temporary, request.output);
    return made;
  } finally {
    removeTree(temporary);
  }
}

async function makeAny(
  request: ImageRequest,
  format: ImageFormat,
  exec: Exec,
  signal?: AbortSignal,
): Promise<MadeImage> {
  try {
    await execute(commandFor(format, request), request, exec, signal);
    return { format, warnings: [] };
  } catch (error) {
    if (format === 'squashfs' || !isAgentError(error, 'tool-missing')) throw error;
  }
  await execute(commandFor('squashfs', request), request, exec, signal);
  return { format: 'squashfs', warnings: ['mkfs.erofs is not installed: the image is squashfs instead of erofs'] };
}

async function execute(command: Command, request: ImageRequest, exec: Exec, signal?: AbortSignal): Promise<void> {
  const { program, args, env } = command;
  const { exitCode, stdout, stderr } = await exec.run(program, args, {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
  if (exitCode === 0) return;
  const facts = `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-8);
  const isFull = /no space left|disk quota exceeded/i.test(facts.join('\n'));
  throw isFull
    ? new AgentError('disk-full', `cannot make the image: no space left for ${request.output}`, {
        facts,
        next: 'Free some space on that file system, then try again.',
      })
    : new AgentError('tool-failed', `cannot make the image: ${program} failed with exit code ${exitCode}`, { facts });
}
