import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { sha256OfFile } from '../../src/host/digest.ts';
import { makeImage } from './fleet.ts';
import { ratio, type Result } from './result.ts';
import { median, mustRun } from './timing.ts';

const sets = [
  [1, 1.5],
  [10, 0.5],
  [50, 0.15],
] as const;

const store = '/var/lib/sysext-agent/images';
const entry = '/var/lib/extensions/e0.raw';

/** What a refresh took, and for how long what is in both sets was absent, in milliseconds. */
interface Refresh {
  /** The merge alone, as the history has it, where that is known. */
  readonly merge: number;
  readonly command: number;
  readonly absent: number;
}

/**
 * (o): a refresh without a gap, one extension of 1, 10 and 50 being another one, against the bare tool doing the same;
 * with the longest time in which a path that is in both sets was absent. Images are mounted by the refresh before, which
 * follows one of the bare tool and does not count.
 */
export async function refreshResults(work: string, agent: readonly string[], runs: number): Promise<Result[]> {
  const watcher = join(work, 'absence');
  execFileSync('gcc', ['-O2', '-static', '-o', watcher, join(import.meta.dirname, '../support/absence.c')]);
  const results: Result[] = [];
  for (const [count, limit] of sets) results.push(...(await refreshesOf(count, limit, { work, agent, runs, watcher })));
  return results;
}

interface Bench {
  readonly work: string;
  readonly agent: readonly string[];
  readonly runs: number;
  readonly watcher: string;
}

async function refreshesOf(count: number, limit: number, { work, agent, runs, watcher }: Bench): Promise<Result[]> {
  const others = Array.from({ length: count - 1 }, (_, number) => makeImage(work, `e${number + 1}`, 'first'));
  const stored = ['first', 'second'].map((content) => {
    const image = makeImage(work, 'e0', content);
    const path = join(store, `${sha256OfFile(image)}.raw`);
    mustRun([...agent, 'install', image, ...others]);
    return path;
  });
  const exchanged = (number: number): void => {
    linkSync(stored[number % 2] ?? '', `${entry}.new`);
    renameSync(`${entry}.new`, entry);
  };
  const refreshed = (argv: readonly string[]) => watchedDuring(watcher, argv, agent);
  const [ours, floor]: [Refresh[], Refresh[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    exchanged(0);
    const bare = await refreshed(['systemd-sysext', 'refresh']);
    exchanged(1);
    mustRun([...agent, 'refresh']);
    exchanged(0);
    const atomic = await refreshed([...agent, 'refresh']);
    exchanged(1);
    mustRun([...agent, 'refresh']);
    if (run === 0) continue;
    ours.push(atomic);
    floor.push(bare);
  }
  mustRun([...agent, 'remove', ...Array.from({ length: count }, (_, number) => `e${number}`)]);
  return resultsOf(count, limit, ours, floor);
}

function resultsOf(count: number, limit: number, ours: readonly Refresh[], floor: readonly Refresh[]): Result[] {
  const of = (all: readonly Refresh[], key: keyof Refresh) => median(all.map((refresh) => refresh[key]));
  const [gap, bareGap] = [ours, floor].map((all) => Math.max(...all.map(({ absent }) => absent)).toFixed(1));
  const bare = of(floor, 'command');
  const gaps = `gap at most ${gap} ms / systemd-sysext refresh, ${bareGap} ms`;
  return [
    ratio(`(o) merge of 1 changed extension of ${count}, ${gaps}`, of(ours, 'merge'), bare, limit),
    ratio(`(o') the whole sysext-agent refresh, of ${count}`, of(ours, 'command'), bare, limit),
  ];
}

async function watchedDuring(watcher: string, argv: readonly string[], agent: readonly string[]): Promise<Refresh> {
  const watching = spawn(watcher, ['/usr/share/e0/0.txt'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [told, end] = [text(watching.stdout), once(watching, 'exit')];
  await once(watching, 'spawn');
  const start = performance.now();
  mustRun(argv);
  const command = performance.now() - start;
  watching.kill('SIGTERM');
  await end;
  const { longestMs } = JSON.parse(await told) as { longestMs: number };
  return { command, merge: argv[0] === 'systemd-sysext' ? NaN : lastMerge(agent), absent: longestMs };
}

/** How long the merge of the last operation took, in milliseconds. */
function lastMerge(agent: readonly string[]): number {
  const { operations } = JSON.parse(mustRun([...agent, 'history', '--limit=1', '--json=short'])) as {
    operations: { id: number }[];
  };
  const { operation } = JSON.parse(mustRun([...agent, 'history', String(operations[0]?.id), '--json=short'])) as {
    operation: { steps: { description: string; durationMs: number }[] };
  };
  return operation.steps.find(({ description }) => description.startsWith('systemd-sysext'))?.durationMs ?? NaN;
}
