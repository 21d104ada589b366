import { setTimeout as delay } from 'node:timers/promises';

/** How long is waited, in milliseconds. It only ends what hangs: a machine with slow disks may take half a minute for seconds' work. */
const patience = 180_000;

/**
 * Looks again and again until `look` finds something, and returns it.
 * @param what names what is waited for in the error.
 * @throws Error when nothing was found for minutes.
 */
export async function waitFor<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${patience / 1000} s`);
    await delay(10);
  }
}
