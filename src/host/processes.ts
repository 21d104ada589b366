import fs from 'node:fs';

/** Processes of this host, as /proc shows them (proc(5)). */

/** A process that can be told from a later one with the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** In ticks of the kernel's clock since it booted. */
  readonly startedAt: string;
}

/** The mark of a process that runs; undefined where there is none, or only what its parent has not yet collected. */
export function processMark(pid: number): ProcessMark | undefined {
  const { state, startedAt } = statOf(pid) ?? {};
  return startedAt === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startedAt };
}

export function isRunning({ pid, startedAt }: ProcessMark): boolean {
  return processMark(pid)?.startedAt === startedAt;
}

/** The number of the process that a process was forked from, and that from, as long as it is the same program. */
export function originOf(pid: number): number {
  const parent = statOf(pid)?.parent ?? 0;
  const program = programOf(pid);
  return parent > 1 && program !== undefined && programOf(parent) === program ? originOf(parent) : pid;
}

interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly startedAt: string;
}

/** The fields of /proc/PID/stat that matter here. The name in parentheses may hold anything, parentheses too. */
function statOf(pid: number): ProcessStat | undefined {
  const text = orNothing(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = ''] = fields;
  return { state, parent: Number(parent), startedAt: fields[19] ?? '' };
}

function programOf(pid: number): string | undefined {
  return orNothing(() => fs.readlinkSync(`/proc/${pid}/exe`));
}

/** A process may end while it is looked at. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
