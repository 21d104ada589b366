import { describe, expect, it } from 'vitest';

import { inParallel } from '../../../src/core/parallel.ts';

describe('work for several items', () => {
  it('gives the results in the order of the items, never more than so many at once', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel([5, 1, 3, 2, 4], 2, async (item) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      running--;
      return item * 10;
    });
    expect(results).toEqual([50, 10, 30, 20, 40]);
    expect(most).toBe(2);
  });

  it('stops the others at the first failure, and throws it once they have ended', async () => {
    const stopped: number[] = [];
    const work = inParallel([1, 2, 3], 2, async (item, signal) => {
      if (item === 1) throw new Error('first');
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
      stopped.push(item);
      throw new Error('stopped');
    });
    await expect(work).rejects.toThrow('first');
    expect(stopped).toEqual([2]);
  });

  it('is interrupted by the signal', async () => {
    await expect(inParallel([1], 2, () => Promise.resolve(1), AbortSignal.abort())).rejects.toThrow(
      expect.objectContaining({ code: 'interrupted' }),
    );
  });
});
