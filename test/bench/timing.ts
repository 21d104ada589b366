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

/** A command that is another one at each run. */
export interface Measured {
  readonly argv: () => readonly string[];
  readonly prepare?: () => void;
}

/** What a command takes, in milliseconds: medians of the time and of what it kept processors busy, and its fastest run. */
export interface Cost {
  readonly elapsed: number;
  readonly busy: number;
  readonly fastest: number;
}

/** As `medians`, with the processor time of each command and of what it started. */
export function measure<K extends string>(commands: Readonly<Record<K, Measured>>, runs: number): Record<K, Cost> {
  const names = Object.keys(commands) as K[];
  const costs = new Map<K, (readonly [elapsed: number, busy: number])[]>(names.map((name) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const name of names) {
      const cost = costOf(commands[name]);
      if (run > 0) costs.get(name)?.push(cost);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(costs.get(name) ?? [])])) as Record<K, Cost>;
}

function costOf({ argv, prepare }: Measured): readonly [elapsed: number, busy: number] {
  prepare?.();
  const script = 'TIMEFORMAT="%R %U %S"; exec 3>&2; time "$@" 2>&3';
  const { status, stderr } = spawnSync('bash', ['-c', script, 'time', ...argv()], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [real, user, system] = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr.toString())?.slice(1).map(Number) ?? [];
  if (status !== 0 || real === undefined || user === undefined || system === undefined)
    throw new Error(`${argv().join(' ')}: ${stderr.toString()}`);
  return [real * 1000, (user + system) * 1000];
}

function summary(costs: readonly (readonly [elapsed: number, busy: number])[]): Cost {
  const elapsed = costs.map(([time]) => time);
  return { elapsed: median(elapsed), busy: median(costs.map(([, busy]) => busy)), fastest: Math.min(...elapsed) };
}
