import { isAgentError } from '../core/errors.ts';
import { fileStatus } from '../host/files.ts';
import { holdProgram } from '../host/held-program.ts';

/** How long logind may take to let us, in seconds: nothing waits longer for what is good to have. */
const patience = 3;

/**
 * Has logind put off a shutdown and sleep, until the result is disposed of or this process ends. It waits for us some
 * seconds at most (`InhibitDelayMaxSec=`): no merge takes that long, and one that hangs keeps nobody from turning the
 * host off. By systemd-inhibit(1), since the library that we speak D-Bus with cannot receive the descriptor that such a
 * lock is. Where there is no logind, or it refuses, nothing is put off.
 * @param why as `systemd-inhibit --list` shows it.
 */
export async function inhibitShutdown(why: string): Promise<AsyncDisposable> {
  if (!logindRuns()) return nothingHeld;
  const lock = ['--what=shutdown:sleep', '--mode=delay', '--who=sysext-agent', `--why=${why}`];
  try {
    return await holdProgram('systemd-inhibit', [...lock, 'cat'], patience);
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return nothingHeld;
  }
}

const nothingHeld: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** As systemd's own programs find out. */
function logindRuns(): boolean {
  return fileStatus('/run/systemd/seats')?.isDirectory() === true;
}
