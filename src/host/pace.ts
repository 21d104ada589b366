import { AgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** A window in which a transfer must get somewhere, in milliseconds, and how far at least, in bytes. */
const pace = { window: 60_000, bytes: 60 * 1024 };

/**
 * Keeps watch over a transfer: a server that sends a byte now and then is never silent, and would hold it for days.
 * @param url fit to be shown.
 * @returns is told of each piece that came; throws AgentError `network` where they are too few.
 */
export function paceKeeper(clock: Clock, url: string): (bytes: number) => void {
  let [start, came] = [clock.monotonic(), 0];
  return (bytes) => {
    came += bytes;
    const now = clock.monotonic();
    if (now - start < pace.window) return;
    if (came < pace.bytes) {
      const why = `less than ${pace.bytes / 1024} KiB came in ${pace.window / 1000} s`;
      throw new AgentError('network', `${url} comes too slowly: ${why}`, { retryable: true });
    }
    [start, came] = [now, 0];
  };
}
