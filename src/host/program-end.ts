import { constants } from 'node:os';

import { AgentError } from '../core/errors.ts';

/** As a shell would show it: 128 and the number of the signal that ended the program. */
export function exitCode(code: number | null | undefined, signal: NodeJS.Signals | null | undefined): number {
  return code ?? 128 + (signal == null ? 0 : constants.signals[signal]);
}

export function interrupted(program: string): AgentError {
  return new AgentError('interrupted', `${program} was interrupted`);
}

export function cannotStart(program: string, cause: unknown): AgentError {
  const missing = (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return missing
    ? new AgentError('tool-missing', `the program ${program} is not installed`, {
        cause,
        next: `Install the package that ships ${program}.`,
      })
    : new AgentError('tool-failed', `cannot start ${program}`, { cause });
}
