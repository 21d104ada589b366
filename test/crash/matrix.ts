import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import {
  boundariesOf,
  durationOf,
  edgesOf,
  isBundled,
  killAfter,
  killAt,
  type Boundary,
  type Victims,
} from './kills.ts';
import { operations, type Operation } from './operations.ts';
import { attempt, followers, type Outcome } from './trial.ts';
import { makeWorld, type World } from './world.ts';

/**
 * Kills every operation of the agent at each boundary of its steps, and at random instants; then lets another one follow,
 * and looks whether all is whole. `node test/crash/matrix.ts [--instants=500] [--seed=1] [--boundaries=edges|all|NUMBER]
 * [--only=install]`, as root.
 */

export interface MatrixOptions {
  /** How many instants, over all operations. */
  readonly instants: number;
  readonly seed: number;
  /** Every boundary, only the first and the last of a row of the same calls, or about so many of each operation. */
  readonly boundaries: 'all' | 'edges' | number;
  /** Names of operations; all where empty. */
  readonly only?: readonly string[];
  /** Is told each problem as it shows up, and each line of the result. */
  readonly say: (line: string) => void;
}

/** What came of all kills of one operation. */
export interface Counts {
  readonly operation: string;
  readonly boundaries: number;
  readonly instants: number;
  readonly notBegun: number;
  readonly interrupted: number;
  readonly done: number;
  readonly old: number;
  readonly new: number;
  readonly same: number;
  readonly problems: readonly string[];
}

/** One kill: how it is told, and how it is done. */
interface Kill {
  readonly title: string;
  readonly run: (world: World) => ReturnType<typeof killAt>;
}

export async function runMatrix(options: MatrixOptions): Promise<Counts[]> {
  const { only = [], say } = options;
  await using world = await makeWorld();
  const random = randomNumbers(options.seed);
  const chosen = operations.filter(({ name }) => only.length === 0 || only.includes(name));
  const all: Counts[] = [];
  for (const operation of chosen) {
    const atBoundaries = await boundaryKills(world, operation, options.boundaries);
    const share = Math.ceil((options.instants - sum(all, 'instants')) / (chosen.length - all.length));
    const atInstants = await instantKills(world, operation, share, random);
    const counts = await killAll(world, operation, { atBoundaries, atInstants, say });
    say(lineOf(counts));
    all.push(counts);
  }
  return all;
}

async function boundaryKills(world: World, operation: Operation, wanted: MatrixOptions['boundaries']): Promise<Kill[]> {
  await world.reset(operation.setUp ?? '');
  const found = selected(await boundariesOf(world, operation.args), wanted);
  return found.map((boundary) => ({
    title: `at ${boundary.call} ${boundary.nth}`,
    run: (where) => killAt(where, operation.args, boundary),
  }));
}

function selected(boundaries: readonly Boundary[], wanted: MatrixOptions['boundaries']): readonly Boundary[] {
  if (wanted === 'all') return boundaries;
  const edges = edgesOf(boundaries);
  if (wanted === 'edges') return edges;
  return Array.from({ length: wanted }, (_, index) => edges[Math.floor(((index + 0.5) * edges.length) / wanted)]!);
}

async function instantKills(world: World, operation: Operation, count: number, random: () => number): Promise<Kill[]> {
  if (count === 0) return [];
  await world.reset(operation.setUp ?? '');
  const duration = await durationOf(world, operation.args);
  return Array.from({ length: count }, (_, index) => {
    const victims: Victims = index % 2 === 0 ? 'agent' : 'agent and its programs';
    const delay = random() * duration;
    return {
      title: `${victims} after ${delay.toFixed(1)} ms`,
      run: (where) => killAfter(where, operation.args, delay, victims),
    };
  });
}

interface Kills {
  readonly atBoundaries: readonly Kill[];
  readonly atInstants: readonly Kill[];
  readonly say: (line: string) => void;
}

async function killAll(world: World, operation: Operation, kills: Kills): Promise<Counts> {
  const outcomes: Outcome[] = [];
  const problems: string[] = [];
  for (const [index, kill] of [...kills.atBoundaries, ...kills.atInstants].entries()) {
    const follower = followers[index % followers.length]!;
    const outcome = await attempt(world, operation, follower, () => kill.run(world));
    outcomes.push(outcome);
    for (const problem of problemsOf(outcome)) {
      problems.push(`${operation.name} killed ${kill.title}, then ${follower[0]}: ${problem}`);
      kills.say(`PROBLEM ${problems.at(-1)}`);
    }
  }
  const with_ = (wanted: string) =>
    outcomes.filter(({ progress, set }) => progress === wanted || set === wanted).length;
  return {
    operation: operation.name,
    boundaries: kills.atBoundaries.length,
    instants: kills.atInstants.length,
    notBegun: with_('not begun'),
    interrupted: with_('interrupted'),
    done: with_('done'),
    old: with_('old'),
    new: with_('new'),
    same: with_('same'),
    problems,
  };
}

/** It was killed, or it had ended before. */
function problemsOf({ result, problems }: Outcome): string[] {
  const ended = result.exitCode === 137 || result.exitCode === 0;
  return [...(ended ? [] : [`it ended with ${result.exitCode}: ${result.stderr}`]), ...problems];
}

function sum(all: readonly Counts[], field: 'instants'): number {
  return all.reduce((total, counts) => total + counts[field], 0);
}

const columns = ['boundaries', 'instants', 'notBegun', 'interrupted', 'done', 'old', 'new', 'same'] as const;

function lineOf(counts: Counts): string {
  const numbers = columns.map((column) => String(counts[column]).padStart(column.length + 2));
  return `${counts.operation.padEnd(10)}${numbers.join('')}  ${counts.problems.length} problems`;
}

const heading = `${''.padEnd(10)}${columns.map((column) => `  ${column}`).join('')}`;

/** Numbers from 0 to 1, the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instants: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
      boundaries: { type: 'string', default: 'edges' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const { boundaries } = values;
  const say = (line: string) => {
    process.stdout.write(`${line}\n`);
  };
  if (!isBundled) say('there is no bundle: `npm run bundle` makes this many times as fast');
  say(heading);
  const all = await runMatrix({
    instants: Number(values.instants),
    seed: Number(values.seed),
    boundaries: boundaries === 'all' || boundaries === 'edges' ? boundaries : Number(boundaries),
    only: values.only,
    say,
  });
  process.exitCode = all.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
