import { AgentError, isAgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** How often, and how patiently, a failed transfer is tried again. */
export interface RetryPolicy {
  readonly clock: Clock;
  /** How many times at most, the first one counted. */
  readonly attempts: number;
  /** A number in [0, 1): spreads the hosts of a fleet that all failed at the same moment. */
  readonly random: () => number;
}

/** A server that asks us to come back later: 429 and 5xx. */
export class BusyServerError extends AgentError {
  /** How long the server asks us to wait, in milliseconds, where it says so (RFC 9110 section 10.2.3). */
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter: number | undefined) {
    super('network', message, { retryable: true });
    this.retryAfter = retryAfter;
  }
}

/** Delays that double, in milliseconds. */
export interface Delays {
  readonly first: number;
  readonly longest: number;
}

/**
 * The delay after so many failures in a row, in milliseconds: with jitter over half of it.
 * @param failures at least 1.
 * @param random a number in [0, 1).
 */
export function doublingDelay({ first, longest }: Delays, failures: number, random: number): number {
  return Math.min(first * 2 ** Math.min(failures - 1, 30), longest) * (0.5 + random / 2);
}

const delays: Delays = { first: 500, longest: 30_000 };

/**
 * How long to wait before the next attempt, in milliseconds: doubled each time, with jitter; never less than what
 * the server asked for, and never more than half a minute.
 * @param failures how many attempts have failed, at least 1.
 */
export function retryDelay(failures: number, random: number, retryAfter = 0): number {
  return Math.min(Math.max(doublingDelay(delays, failures, random), retryAfter), delays.longest);
}

/**
 * The wait that a Retry-After header asks for, in milliseconds: seconds, or a date.
 * @returns undefined for a header that is missing or says neither.
 */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** Does the work, again where it failed in a way that may pass, until it succeeds or the attempts are used up. */
export async function retrying<T>(policy: RetryPolicy, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isAgentError(error) || error.details.retryable !== true) throw error;
      if (attempt >= policy.attempts) throw afterAttempts(error, attempt);
      await pause(policy, attempt, error, signal);
    }
  }
}

function afterAttempts(error: AgentError, attempts: number): AgentError {
  if (attempts === 1) return error;
  return error.with({ facts: [...(error.details.facts ?? []), `tried ${attempts} times`] });
}

async function pause(policy: RetryPolicy, failures: number, error: AgentError, signal?: AbortSignal): Promise<void> {
  const retryAfter = error instanceof BusyServerError ? error.retryAfter : undefined;
  try {
    await policy.clock.sleep(retryDelay(failures, policy.random(), retryAfter), signal);
  } catch (cause) {
    throw new AgentError('interrupted', 'interrupted while waiting to try again', { cause, facts: [error.message] });
  }
}
