import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import type { CommandResult } from '../lab/command.ts';
import { boundariesOf, edgesOf, failAt, type Boundary } from './kills.ts';
import type { Operation } from './operations.ts';
import { harmless, misdeeds, runWith } from './programs.ts';
import { attempt, followers, type Outcome } from './trial.ts';
import { atStart, makeWorld, type World } from './world.ts';

/**
 * Lets every write of an install fail, and every program that it runs do something else; then lets another operation
 * follow, and looks whether all is whole. `node test/crash/faults.ts [--points=all|NUMBER]
 * [--only=ENOSPC|EIO|EROFS|programs|harmless]`, as root.
 */

/** Two images and a directory: one is new, the others take the place of what is there. */
const install: Operation = {
  name: 'install',
  args: ['install', 'images/4/a.raw', 'images/1/c.raw', 'images/4/d'],
  before: [atStart],
  after: 'a 4, b 1, c 1, d 4',
};

const errors = ['ENOSPC', 'EIO', 'EROFS'] as const;

/** Something that goes wrong: how it is told, and how it is done. */
interface Fault {
  readonly kind: string;
  readonly title: string;
  readonly run: (world: World) => Promise<CommandResult>;
  /** Whether what was merged before cannot be merged again either: the message then sends the user to `refresh`. */
  readonly lasting?: boolean;
}

export interface FaultOptions {
  /** Of how many there are of each kind; all of them where undefined. */
  readonly points?: number | undefined;
  /** Kinds; all where empty. */
  readonly only?: readonly string[];
  readonly say: (line: string) => void;
}

/** What came of all faults of one kind. */
export interface FaultCounts {
  readonly kind: string;
  readonly faults: number;
  /** How the command ended: it failed and everything is as before, or it was done all the same. */
  readonly failed: number;
  readonly done: number;
  /** Those that hit Node itself, which then gives up at once: calls are counted, and Node's own vary. */
  readonly missed: number;
  readonly problems: readonly string[];
}

export async function runFaults({ points, only = [], say }: FaultOptions): Promise<FaultCounts[]> {
  await using world = await makeWorld();
  const kinds = [await callFaults(world), programFaults()];
  const all: FaultCounts[] = [];
  for (const faults of kinds.flat()) {
    const [first] = faults;
    if (first === undefined || (only.length > 0 && !only.includes(first.kind))) continue;
    const counts = await suffer(world, first.kind, sample(faults, points), say);
    say(lineOf(counts));
    all.push(counts);
  }
  return all;
}

/** Every call that writes, or makes a write last, with each error. */
async function callFaults(world: World): Promise<Fault[][]> {
  await world.reset('');
  const writing = (await boundariesOf(world, install.args)).filter(
    ({ call }) => !/^(clone3?|vfork|wait4|exit_group)$/.test(call),
  );
  return errors.map((error) => edgesOf(writing).map((boundary) => callFault(boundary, error)));
}

function callFault(boundary: Boundary, error: string): Fault {
  return {
    kind: error,
    title: `${error} at ${boundary.call} ${boundary.nth}`,
    run: (world) => failAt(world, install.args, boundary, error),
  };
}

function programFaults(): Fault[][] {
  const fault = (kind: string) => (misdeed: (typeof misdeeds)[number]) => ({
    kind,
    title: misdeed.title,
    lasting: misdeed.program === 'systemd-sysext' && misdeed.once !== true,
    run: (world: World) => runWith(world, misdeed, install.args),
  });
  return [misdeeds.map(fault('programs')), harmless.map(fault('harmless'))];
}

/** So many of them, from all parts. */
function sample<T>(all: readonly T[], count = all.length): readonly T[] {
  if (count >= all.length) return all;
  return Array.from({ length: count }, (_, index) => all[Math.floor(((index + 0.5) * all.length) / count)]!);
}

async function suffer(
  world: World,
  kind: string,
  faults: readonly Fault[],
  say: (line: string) => void,
): Promise<FaultCounts> {
  const problems: string[] = [];
  const results: CommandResult[] = [];
  for (const [index, fault] of faults.entries()) {
    const follower = fault.lasting === true ? (['refresh'] as const) : followers[index % followers.length]!;
    const outcome = await attempt(world, install, follower, () => fault.run(world));
    results.push(outcome.result);
    for (const problem of [...outcome.problems, ...(isAborted(outcome.result) ? [] : untruths(outcome))]) {
      problems.push(`${fault.title}, then ${follower[0]}: ${problem}`);
      say(`PROBLEM ${problems.at(-1)}`);
    }
  }
  const missed = results.filter(isAborted).length;
  const done = results.filter(({ exitCode }) => exitCode === 0).length;
  return { kind, faults: faults.length, failed: results.length - missed - done, done, missed, problems };
}

function lineOf({ kind, faults, failed, done, missed, problems }: FaultCounts): string {
  const parts = [`${faults} faults`, `${failed} failed`, `${done} done all the same`, `${missed} missed`];
  return `${kind.padEnd(10)} ${parts.join(', ')}, ${problems.length} problems`;
}

/** Ended by SIGABRT, without a word: a write of Node to itself has failed. */
function isAborted({ exitCode, stderr }: CommandResult): boolean {
  return exitCode === 134 && !stderr.includes('sysext-agent: ');
}

/** What the user was told must be so. */
function untruths({ set, result: { exitCode, stdout, stderr } }: Outcome): string[] {
  const said = `it said: ${stderr.trimEnd()}`;
  if (exitCode === 0) return set === 'new' ? [] : [`it ended with 0, and the ${set} set is there; ${said}`];
  const [first = ''] = stderr.split('\n').filter((line) => line.startsWith('sysext-agent: '));
  return [
    ...(stdout === '' ? [] : [`it failed, and standard output says: ${stdout}`]),
    ...(/mistake of the program|^ +at /m.test(stderr) ? [`a stack trace: ${stderr}`] : []),
    ...(/cannot|failed|is not|was not|interrupted|no space|is using/.test(first)
      ? []
      : [`it does not say what; ${said}`]),
    ...(set === 'new' && !stderr.includes('It is done') ? [`it failed, and the new set is there; ${said}`] : []),
    ...(/^(Nothing|Everything|Not everything|It is done|Merged now|Images and merged extensions)/m.test(stderr)
      ? []
      : [`it does not say what was left; ${said}`]),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { points: { type: 'string', default: 'all' }, only: { type: 'string', multiple: true, default: [] } },
  });
  const all = await runFaults({
    points: values.points === 'all' ? undefined : Number(values.points),
    only: values.only,
    say: (line) => {
      process.stdout.write(`${line}\n`);
    },
  });
  process.exitCode = all.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
