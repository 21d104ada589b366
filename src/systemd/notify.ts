import { isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';

/** What a service tells its manager (sd_notify(3)). */
export interface Notifier {
  /** Tells it: `READY=1`, `STATUS=...`. What is told comes in its order; that nobody hears is no failure. */
  tell(...assignments: readonly string[]): Promise<void>;
  /** How often the manager wants to hear that the service lives, in milliseconds; undefined where it does not. */
  readonly watchdog: number | undefined;
}

/**
 * Tells by systemd-notify(1), since Node cannot send datagrams; only where the manager wants to hear it.
 * @param env what the manager gave to this process.
 */
export function createNotifier(exec: Exec, env: NodeJS.ProcessEnv): Notifier {
  const socket = env['NOTIFY_SOCKET'];
  let told = Promise.resolve();
  const send = async (assignments: readonly string[]) => {
    if (socket === undefined) return;
    try {
      await exec.run('systemd-notify', assignments, { env: { NOTIFY_SOCKET: socket }, timeLimit: 20 });
    } catch (error) {
      if (!isAgentError(error)) throw error;
    }
  };
  return {
    tell: (...assignments) => {
      told = told.then(() => send(assignments));
      return told;
    },
    watchdog: watchdogOf(env),
  };
}

/** Half of the time after which the manager takes the service for dead (sd_watchdog_enabled(3)). */
function watchdogOf({ WATCHDOG_USEC: time, WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number | undefined {
  if (time === undefined || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  const microseconds = Number(time);
  return Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 2000 : undefined;
}
