import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { Loop, Task } from '../loop.ts';
import { managerPath } from './definition.ts';
import { toldError, type ToldError } from './told.ts';

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** Work that someone asked for, as others see it. */
export interface Job {
  readonly id: number;
  readonly path: string;
  readonly verb: string;
  readonly names: readonly string[];
  /** Who asked. */
  readonly uid: number;
  readonly state: JobState;
  /** What is being done, in words. */
  readonly progress: string;
  /** How far what is being fetched is, at which rate, and how long it will take, in words; empty where nothing is. */
  readonly transfer: string;
  /** Set where it failed or was cancelled. */
  readonly error?: ToldError;
}

/** Is told of jobs. Its methods must not throw. */
export interface JobListener {
  begun(job: Job): void;
  changed(job: Job): void;
  ended(job: Job): void;
  /** It ended long ago, and cannot be read any more. */
  forgotten(job: Job): void;
}

/** How many there may be: that have not ended, of one user who is not root, and that have ended and can still be read. */
export const jobLimits = { open: 64, ofOneUser: 16, ended: 16 } as const;

interface OpenJob {
  job: Job;
  cancel(): void;
}

/** The jobs that there are, and the last of those that there were. */
export class Jobs {
  readonly #listener: JobListener;
  readonly #open = new Map<number, OpenJob>();
  readonly #ended = new Map<number, Job>();
  #last = 0;

  constructor(listener: JobListener) {
    this.#listener = listener;
  }

  all(): Job[] {
    return [...this.#ended.values(), ...Array.from(this.#open.values(), ({ job }) => job)];
  }

  at(path: string): Job | undefined {
    return this.all().find((job) => job.path === path);
  }

  /** @throws AgentError `busy` where there are too many. */
  add(
    loop: Pick<Loop, 'submit'>,
    { verb, names, uid }: Pick<Job, 'verb' | 'names' | 'uid'>,
    work: (signal: AbortSignal) => Promise<void>,
  ): Job {
    this.#refuseTooMany(uid);
    this.#last += 1;
    const id = this.#last;
    const path = `${managerPath}/job/${id}`;
    const job: Job = { id, path, verb, names, uid, state: 'queued', progress: '', transfer: '' };
    const title = [verb, ...names].join(' ').slice(0, 200);
    const task = loop.submit(title, (signal) => {
      this.#update(id, { state: 'running' });
      return work(signal);
    });
    const cancel = () => {
      task.cancel();
    };
    this.#open.set(id, { job, cancel });
    this.#listener.begun(job);
    void this.#follow(id, task);
    return job;
  }

  cancel(id: number): void {
    this.#open.get(id)?.cancel();
  }

  /** The job that is under way is at something else now. */
  progress(what: string): void {
    this.#updateRunning({ progress: what, transfer: '' });
  }

  /** What the job that is under way fetches is so far. */
  transfer(what: string): void {
    this.#updateRunning({ transfer: what });
  }

  #updateRunning(change: Partial<Job>): void {
    const running = Array.from(this.#open.values()).find(({ job }) => job.state === 'running');
    if (running !== undefined) this.#update(running.job.id, change);
  }

  #refuseTooMany(uid: number): void {
    const open = Array.from(this.#open.values(), ({ job }) => job);
    const own = open.filter((job) => job.uid === uid).length;
    if (open.length < jobLimits.open && (uid === 0 || own < jobLimits.ofOneUser)) return;
    throw new AgentError('busy', `${open.length} jobs wait already`, {
      left: 'Nothing was changed.',
      next: 'Wait for the signal JobRemoved, then ask again.',
      retryable: true,
    });
  }

  async #follow(id: number, task: Task<void>): Promise<void> {
    try {
      await task.result;
      this.#end(id, { state: 'done' });
    } catch (error) {
      this.#end(id, { state: isAgentError(error, 'interrupted') ? 'cancelled' : 'failed', error: toldError(error) });
    }
  }

  #update(id: number, change: Partial<Job>): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.job = { ...open.job, ...change };
    this.#listener.changed(open.job);
  }

  #end(id: number, change: Partial<Job>): void {
    this.#update(id, { ...change, progress: '', transfer: '' });
    const job = this.#open.get(id)?.job;
    if (job === undefined) return;
    this.#open.delete(id);
    this.#ended.set(id, job);
    this.#listener.ended(job);
    for (const old of [...this.#ended.values()].slice(0, -jobLimits.ended)) {
      this.#ended.delete(old.id);
      this.#listener.forgotten(old);
    }
  }
}
