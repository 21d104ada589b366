import { isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';

/** What systemd-sysext.service is ordered before, from 248 on. */
const mark = 'sysinit.target';

/** How long PID 1 may take to say how far it is, in seconds. */
const patience = 5;

/** Whether this host is past the point of its boot at which systemd merges; where nothing tells, it is not. */
export async function isPastMerge(exec: Exec): Promise<boolean> {
  try {
    const { stdout } = await exec.run('systemctl', ['is-active', mark], { timeLimit: patience });
    return stdout.trim() === 'active';
  } catch (error) {
    if (!isAgentError(error, 'tool-missing', 'tool-failed')) throw error;
    return false;
  }
}
