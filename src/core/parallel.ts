import { AgentError } from './errors.ts';

/**
 * Does the work for every item, a few at a time, and returns the results in the order of the items. The first failure
 * stops the others through the signal that they are given; it is thrown when all of them have ended.
 * @throws AgentError `interrupted` when the signal aborts, and whatever the work throws.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const failed = new AbortController();
  const stop = AbortSignal.any(signal === undefined ? [failed.signal] : [failed.signal, signal]);
  const queue = items.entries();
  const done: (readonly [number, R])[] = [];
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (stop.aborted) return;
      try {
        done.push([index, await work(item, stop)]);
      } catch (error) {
        errors.push(error);
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
  if (done.length < items.length) throw new AgentError('interrupted', 'interrupted before everything was done');
  return done.sort(([a], [b]) => a - b).map(([, result]) => result);
}
