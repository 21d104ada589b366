import { Script } from 'node:vm';

/** What a call gave, or that its time ran out. */
export type LimitedCall<T> = { readonly inTime: true; readonly value: T } | { readonly inTime: false };

/**
 * Makes a call that does not wait for anything but may compute for long, and ends it where it stands when its time, in
 * milliseconds, is over.
 */
export function callWithin<T>(milliseconds: number, call: () => T): LimitedCall<T> {
  try {
    const value: unknown = new Script('call()').runInNewContext(
      { call },
      { timeout: Math.max(1, Math.ceil(milliseconds)) },
    );
    return { inTime: true, value: value as T };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { inTime: false };
    throw error;
  }
}
