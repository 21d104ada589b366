import { AgentError, isAgentError } from '../core/errors.ts';
import type { Clock } from '../host/clock.ts';
import { deadlineIn, within } from '../host/deadline.ts';
import type { Bus, CallOptions } from './bus/client.ts';
import { ReplyError } from './bus/errors.ts';
import type { SignalMatch } from './bus/match.ts';
import { managerInterface, managerPath, readProperties, systemdName, toManager } from './bus/systemd1.ts';
import { nothing, objectPath, properties, several, single, text, uint32 } from './bus/values.ts';

/** How a job can end (org.freedesktop.systemd1(5), JobRemoved). One that a later systemd adds is told as `failed`. */
export const jobResults = [
  'done',
  'canceled',
  'timeout',
  'failed',
  'dependency',
  'skipped',
  'invalid',
  'assert',
  'unsupported',
  'collected',
  'once',
] as const;

export type JobResult = (typeof jobResults)[number];

const jobsEnd: SignalMatch = {
  sender: systemdName,
  path: managerPath,
  interface: managerInterface,
  member: 'JobRemoved',
};

/**
 * Queues a job and waits until it has ended.
 * @param enqueue queues it, and returns its path.
 * @throws AgentError as Bus.call() does: `bus-timeout` for a job that goes on beyond the deadline, `bus-unavailable`
 *   for one that ended while the bus was away: nobody tells any more how.
 */
export async function runJob(
  bus: Bus,
  clock: Clock,
  unit: string,
  enqueue: () => Promise<string>,
  { timeoutMs = 90_000, signal }: CallOptions,
): Promise<JobResult> {
  const deadline = deadlineIn(clock, timeoutMs, signal);
  const jobs = new EndedJobs(bus, unit);
  await using _ = await bus.subscribe(jobsEnd, several(uint32, objectPath, text, text), jobs);
  await askForSignals(bus);
  const result = enqueue().then((path) => jobs.resultOf(path));
  return await within(deadline, `the job of ${unit}`, result, () => unfinished(unit, timeoutMs));
}

/** Systemd tells of jobs only while someone asked for it; of our own it tells us always, until the connection breaks. */
async function askForSignals(bus: Bus): Promise<void> {
  try {
    await bus.call(toManager('Subscribe'), nothing);
  } catch (error) {
    if (!(error instanceof ReplyError) || !error.errorName.endsWith('.AlreadySubscribed')) throw error;
  }
}

/** Takes note of the jobs that end: one may do so before we know which is ours. */
class EndedJobs {
  readonly #bus: Bus;
  readonly #unit: string;
  readonly #results = new Map<string, JobResult>();
  #waiting:
    | {
        readonly path: string;
        readonly resolve: (result: JobResult) => void;
        readonly reject: (error: unknown) => void;
      }
    | undefined;

  constructor(bus: Bus, unit: string) {
    this.#bus = bus;
    this.#unit = unit;
  }

  signal([, path, , result]: readonly [number, string, string, string]): void {
    const known = jobResults.find((name) => name === result) ?? 'failed';
    if (this.#waiting === undefined) this.#results.set(path, known);
    else if (this.#waiting.path === path) this.#waiting.resolve(known);
  }

  missed(): void {
    if (this.#waiting !== undefined) this.#lookAgain(this.#waiting.path).catch(this.#waiting.reject);
  }

  async resultOf(path: string): Promise<JobResult> {
    const { promise, resolve, reject } = Promise.withResolvers<JobResult>();
    this.#waiting = { path, resolve, reject };
    const result = this.#results.get(path);
    if (result !== undefined) resolve(result);
    return promise;
  }

  /**
   * After a signal may have been missed: a job that is still there will tell its end. Where systemd is not on the bus
   * yet, there will be another reason to look again.
   */
  async #lookAgain(path: string): Promise<void> {
    try {
      await askForSignals(this.#bus);
      await this.#bus.call(readProperties(path), single(properties));
    } catch (error) {
      if (isAgentError(error, 'bus-unavailable')) return;
      throw error instanceof ReplyError && error.code === 'bus-failed' ? untold(this.#unit) : error;
    }
  }
}

function unfinished(unit: string, milliseconds: number): AgentError {
  return new AgentError('bus-timeout', `the job of ${unit} has not ended within ${milliseconds / 1000} s`, {
    left: 'It goes on.',
    next: `Look at it with \`systemctl list-jobs\` and \`systemctl status ${unit}\`.`,
    retryable: true,
  });
}

function untold(unit: string): AgentError {
  return new AgentError('bus-unavailable', `the job of ${unit} ended while the message bus was away`, {
    left: 'How it ended is not known.',
    next: `Look at \`systemctl status ${unit}\`.`,
    retryable: true,
  });
}
