import { describe, expect, it } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import type { Clock } from '../../../src/host/clock.ts';
import { BusyServerError, parseRetryAfter, retryDelay, retrying } from '../../../src/host/retry.ts';

const now = new Date('2026-01-01T00:00:00Z');

function instantClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    monotonic: () => 0,
    sleep: (milliseconds, signal) => {
      slept.push(milliseconds);
      return signal?.aborted === true ? Promise.reject(new Error('aborted')) : Promise.resolve();
    },
  };
}

const passing = () => new AgentError('network', 'lost', { retryable: true });

describe('the wait before the next attempt', () => {
  it('doubles, spreads over half of itself, and has an end', () => {
    expect([1, 2, 3].map((failures) => retryDelay(failures, 0))).toEqual([250, 500, 1000]);
    expect(retryDelay(1, 1)).toBe(500);
    expect(retryDelay(20, 1)).toBe(30_000);
  });

  it('is at least what the server asks for, within reason', () => {
    expect(retryDelay(1, 0, 7000)).toBe(7000);
    expect(retryDelay(1, 0, 3_600_000)).toBe(30_000);
  });

  it.each([
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('is read from Retry-After: %s', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});

describe('work that is tried again', () => {
  it('ends with the first success', async () => {
    const clock = instantClock();
    const errors = [passing(), new BusyServerError('busy', 9000)];
    const result = await retrying({ clock, attempts: 4, random: () => 0 }, () => {
      const error = errors.shift();
      return error === undefined ? Promise.resolve('done') : Promise.reject(error);
    });
    expect(result).toBe('done');
    expect(clock.slept).toEqual([250, 9000]);
  });

  it('fails with the last error, saying how often it was tried', async () => {
    const policy = { clock: instantClock(), attempts: 3, random: () => 0 };
    await expect(retrying(policy, () => Promise.reject(passing()))).rejects.toMatchObject({
      code: 'network',
      details: { facts: ['tried 3 times'] },
    });
  });

  it('is not tried again where that would not help', async () => {
    const clock = instantClock();
    const policy = { clock, attempts: 3, random: () => 0 };
    await expect(retrying(policy, () => Promise.reject(new AgentError('network', 'no')))).rejects.toThrow('no');
    expect(clock.slept).toEqual([]);
  });

  it('is interrupted while it waits', async () => {
    const policy = { clock: instantClock(), attempts: 3, random: () => 0 };
    await expect(retrying(policy, () => Promise.reject(passing()), AbortSignal.abort())).rejects.toThrow(
      expect.objectContaining({ code: 'interrupted' }),
    );
  });
});
