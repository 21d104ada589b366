import { spawnSync } from 'node:child_process';

/** A command to time, and what puts the machine back before every run of it, untimed. */
export interface Timed {
  readonly argv: readonly string[];
  readonly prepare?: () => void;
}

/** Runs a command that must succeed, and returns what it printed. */
export function mustRun(argv: readonly string[]): string {
  const [program = '', ...args] = argv;
  const { status, error, stdout, stderr } = spawnSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${error?.message ?? stderr.toString()}`);
  return stdout.toString();
}

/**
 * Times commands in turn, so that a machine that slows down slows all of them down.
 * @returns the median of each in milliseconds, after one run that does not count.
 */
export function medians<K extends string>(commands: Readonly<Record<K, Timed>>, runs: number): Record<K, number> {
  const names = Object.keys(commands) as K[];
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const name of names) {
      const elapsed = time(commands[name]);
      if (run > 0) times.get(name)?.push(elapsed);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])])) as Record<K, number>;
}

function time({ argv, prepare }: Timed): number {
  prepare?.();
  const start = performance.now();
  mustRun(argv);
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
