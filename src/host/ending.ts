import type { ChildProcess } from 'node:child_process';

/** How long a program that must not stop half-way may go on after Ctrl-C, in milliseconds. */
const grace = 10_000;

/** How long a program may take to end itself before it is killed, in milliseconds. */
const patience = 5000;

export interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** In seconds. */
  readonly timeLimit?: number | undefined;
  /** Whether it leads a session of its own and must not stop half-way: the signal then leaves it some time. */
  readonly shielded: boolean;
}

/** Why a program was ended that had not ended by itself. */
export type EndedBy = 'signal' | 'time limit';

/**
 * Ends a program when the signal comes or its time is over; what it started in its session ends with it.
 * @returns tells why it was ended, or undefined.
 */
export function limit(child: ChildProcess, { signal, timeLimit, shielded }: Limits): () => EndedBy | undefined {
  let endedBy: EndedBy | undefined;
  const timers: NodeJS.Timeout[] = [];
  const later = (milliseconds: number, work: () => void) => timers.push(setTimeout(work, milliseconds));
  const end = (by: EndedBy) => {
    endedBy ??= by;
    kill(child, shielded, 'SIGTERM');
    later(patience, () => {
      kill(child, shielded, 'SIGKILL');
    });
  };
  const interrupt = () => {
    if (!shielded) end('signal');
    else
      later(grace, () => {
        end('signal');
      });
  };
  signal?.addEventListener('abort', interrupt, { once: true });
  if (timeLimit !== undefined)
    later(timeLimit * 1000, () => {
      end('time limit');
    });
  const stop = () => {
    timers.forEach(clearTimeout);
    signal?.removeEventListener('abort', interrupt);
  };
  // What cannot be started never ends.
  child.once('error', stop).once('exit', () => {
    stop();
    if (endedBy !== undefined) cutOff(child, shielded);
  });
  return () => endedBy;
}

/** What is left of it must neither go on nor keep us waiting for its output. */
function cutOff(child: ChildProcess, shielded: boolean): void {
  kill(child, shielded, 'SIGKILL');
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function kill(child: ChildProcess, group: boolean, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
  } catch {
    // It has just ended.
  }
}
