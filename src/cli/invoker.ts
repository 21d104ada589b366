import { resolve } from 'node:path';

import type { Agent } from '../agent/agent.ts';
import { AgentError } from '../core/errors.ts';
import { systemClock } from '../host/clock.ts';
import { createExec, type PipingExec } from '../host/exec.ts';
import { fileStatus, readTextIfAny } from '../host/files.ts';
import type { Options } from './command.ts';

/**
 * The agent that a command works with.
 * @param signal ends the programs that it runs and its waiting, for commands that take long or change the host.
 */
export async function agentFor(options: Options, signal?: AbortSignal): Promise<Agent> {
  const { createAgent } = await import('../agent/agent.ts');
  const reason = options.text('reason');
  const root = rootOf(options);
  return createAgent({
    root,
    ...(root === '/' ? { log: (await import('../host/journal.ts')).journalLog } : {}),
    exec: hostExec(signal),
    clock: systemClock,
    actor: { uid: process.getuid?.() ?? 0, ...loginUid(), command: commandLine() },
    ...(reason === undefined ? {} : { reason }),
    waitSeconds: seconds(options.text('wait')),
    ...(signal === undefined ? {} : { signal }),
  });
}

export function hostExec(signal?: AbortSignal): PipingExec {
  return createExec(process.env, signal);
}

/**
 * The directory of --root=, absolute.
 * @throws AgentError `usage` where it is no directory.
 */
export function rootOf(options: Options): string {
  const root = resolve(options.text('root') ?? '/');
  if (fileStatus(root)?.isDirectory() === true) return root;
  throw new AgentError('usage', `--root=${root} is not a directory`);
}

/** @throws AgentError `not-root` for everyone else, before anything is done. */
export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) throw notRoot(what);
}

/** Says that only root may do that. */
export function notRoot(what: string): AgentError {
  return new AgentError('not-root', `only root may ${what}`, {
    left: 'Nothing was changed.',
    next: 'Run the command as root, for example with sudo.',
  });
}

function seconds(text: string | undefined): number {
  const value = Number(text ?? '0');
  if (Number.isFinite(value) && value >= 0) return value;
  throw new AgentError('usage', `--wait takes a number of seconds, not ${text ?? ''}`);
}

/** Who logged in, as the kernel's audit record has it: sudo does not change it. Absent where nobody did. */
function loginUid(): { loginUid?: number } {
  const uid = Number(readTextIfAny('/proc/self/loginuid') ?? NaN);
  return Number.isNaN(uid) || uid === 0xffff_ffff ? {} : { loginUid: uid };
}

function commandLine(): string {
  return ['sysext-agent', ...process.argv.slice(2)].join(' ');
}
