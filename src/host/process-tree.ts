import fs from 'node:fs';

/** What a process and all that came of it take of this host. */
export interface TreeUsage {
  readonly processes: readonly number[];
  /** Processes and their threads. */
  readonly tasks: number;
  /** Memory that is in no file, in bytes; what forked processes still share counts for each of them. */
  readonly memory: number;
}

const pageSize = 4096;

/** What is there of a process and its descendants at this moment; some may begin and end meanwhile. */
export function usageOfTree(top: number): TreeUsage {
  const processes: number[] = [];
  let [tasks, pages] = [0, 0];
  const pending = [top];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const threads = namesIn(`/proc/${pid}/task`);
    if (threads.length === 0) continue;
    processes.push(pid);
    tasks += threads.length;
    const [, resident = 0, shared = 0] = numbersOf(`/proc/${pid}/statm`);
    pages += Math.max(0, resident - shared);
    for (const thread of threads) pending.push(...numbersOf(`/proc/${pid}/task/${thread}/children`));
  }
  return { processes, tasks, memory: pages * pageSize };
}

/** The memory of these processes in bytes, where what several share counts once. It takes longer to tell. */
export function sharedMemoryOf(processes: readonly number[]): number {
  return sum(
    processes.map((pid) => Number(/^Pss_Anon:\s+(\d+) kB$/m.exec(text(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024),
  );
}

/** What these processes hold on disk in files without a name, in bytes. */
export function heldWithoutName(processes: readonly number[]): number {
  const sizes = new Map<string, number>();
  for (const pid of processes) {
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const status = orNothing(() => fs.statSync(`/proc/${pid}/fd/${descriptor}`));
      if (status?.isFile() === true && status.nlink === 0)
        sizes.set(`${status.dev}:${status.ino}`, status.blocks * 512);
    }
  }
  return sum([...sizes.values()]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function numbersOf(path: string): number[] {
  return text(path).split(' ').filter(Boolean).map(Number);
}

function text(path: string): string {
  return orNothing(() => fs.readFileSync(path, 'latin1')) ?? '';
}

function namesIn(path: string): string[] {
  return orNothing(() => fs.readdirSync(path)) ?? [];
}

/** A process may end while it is looked at. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
