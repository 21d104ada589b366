import { setTimeout as delay } from 'node:timers/promises';

/** How long is waited, in milliseconds. It only ends what hangs: a machine with slow disks may take half a minute for seconds' work. */
const patience = 180_000;

/**
 * Looks again and again until `look` finds something, and returns it; the longer it takes, the more seldom, since looking
 * takes its time from what is waited for.
 * @param what names what is waited for in the error.
 * @throws Error when nothing was found for minutes.
 */
export async function waitFor<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const start = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    const waited = performance.now() - start;
    if (waited > patience) throw new Error(`${what}: not within ${patience / 1000} s`);
    await delay(Math.min(10 + waited / 10, 100));
  }
}
