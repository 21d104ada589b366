import { setTimeout as delay } from 'node:timers/promises';

/**
 * Looks again and again until `look` finds something, and returns it.
 * @param what names what is waited for in the error, `deadlineMs` is how long in milliseconds.
 * @throws Error when the deadline passes.
 */
export async function waitFor<T>(
  what: string,
  deadlineMs: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await delay(10);
  }
}
