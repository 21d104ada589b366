import { basename, join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';
import { fileStatus, listNames } from '../host/files.ts';

const directory = '/etc/sysext-agent/health.d';

/** How long a check may take, in seconds. */
const timeLimit = 60;

/** What timeout(1) ends with where the time was not enough. */
const timedOut = 124;

/**
 * The programs that tell whether this host is well, in the order of their names; below another root there are none, since
 * they would look at this host.
 */
export function healthChecks(root: string): string[] {
  if (root !== '/') return [];
  return listNames(directory)
    .filter((name) => /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(name))
    .map((name) => join(directory, name))
    .filter((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  const status = fileStatus(path);
  return status?.isFile() === true && (status.mode & 0o111) !== 0;
}

/**
 * Runs one check.
 * @throws AgentError `rolled-back` where it fails or takes too long, with the end of what it said.
 */
export async function runHealthCheck(check: string, exec: Exec): Promise<void> {
  const { exitCode, stdout, stderr } = await exec.run('timeout', ['--kill-after=5', String(timeLimit), check]);
  if (exitCode === 0) return;
  const how = exitCode === timedOut ? `took longer than ${timeLimit} s` : `failed with exit code ${exitCode}`;
  throw new AgentError('rolled-back', `the health check ${basename(check)} ${how}`, {
    facts: `${stdout}${stderr}`.trimEnd().split('\n').slice(-8),
    next: 'Look into what the check says. To try the same again: install it with --retry.',
  });
}
