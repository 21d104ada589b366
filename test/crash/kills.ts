import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { CommandResult } from '../lab/command.ts';
import type { World } from './world.ts';

const checkout = resolve(import.meta.dirname, '../..');
const bundle = join(checkout, 'dist/main.cjs');

/** Whether the bundle is there, without which everything takes many times as long. */
export const isBundled = existsSync(bundle);

/** The agent by the shortest way: no shell looks for Node every time. */
const program = isBundled ? [process.execPath, bundle] : [join(checkout, 'bin/sysext-agent')];

/** A place in the work of the agent: as its main thread enters the `nth` of these system calls. */
export interface Boundary {
  readonly call: string;
  readonly nth: number;
}

/** System calls that change files, and those at which a program begins or has ended. */
const changing = [
  ...['mkdir', 'rename', 'renameat2', 'link', 'linkat', 'unlink', 'unlinkat', 'rmdir', 'symlink', 'openat'],
  ...['write', 'pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'chmod', 'fchmod', 'copy_file_range', 'sendfile'],
  ...['clone', 'clone3', 'vfork', 'wait4', 'exit_group', 'execve'],
];

/** The command line that is the agent below the root. */
export function commandOf({ lab }: World, args: readonly string[]): string[] {
  return [...program, ...args, `--root=${lab.quick.root}`];
}

/** Runs the agent below the root, whatever its exit code. */
export async function agent(
  world: World,
  args: readonly string[],
  before: readonly string[] = [],
): Promise<CommandResult> {
  const { quick } = world.lab;
  return quick.run(['bash', '-euc', 'cd "$0"; exec "$@"', quick.root, ...before, ...commandOf(world, args)]);
}

/** The boundaries that an operation passes, in their order: found by doing it once. */
export async function boundariesOf(world: World, args: readonly string[]): Promise<Boundary[]> {
  const log = `${world.lab.quick.root}.trace`;
  const { exitCode, stderr } = await agent(world, args, [
    ...['strace', '-qq', '-y', '-s0', '-e', 'signal=none', '-o', log, '-e', `trace=${changing.join(',')}`],
  ]);
  if (exitCode !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  const boundaries = boundariesIn(readFileSync(log, 'utf8'), world.lab.quick.root);
  rmSync(log);
  return boundaries;
}

/** Those that change nothing below the root only count: so does all that the shell does which starts Node. */
function boundariesIn(log: string, root: string): Boundary[] {
  const counts = new Map<string, number>();
  const found: Boundary[] = [];
  let started = false;
  for (const line of log.split('\n')) {
    const [, call] = /^(\w+)\(/.exec(line) ?? [];
    if (call === undefined) continue;
    const nth = (counts.get(call) ?? 0) + 1;
    counts.set(call, nth);
    if (call === 'execve' && line.includes('/bin/node"')) started = true;
    else if (started && isBoundary(call, line, root)) found.push({ call, nth });
  }
  return found;
}

function isBoundary(call: string, line: string, root: string): boolean {
  if (/^(clone|clone3|vfork|wait4|exit_group)$/.test(call)) return !line.includes('CLONE_THREAD');
  return line.includes(root) && (call !== 'openat' || /O_CREAT|O_WRONLY|O_TRUNC/.test(line));
}

/** Of a row of the same calls only the first and the last. */
export function edgesOf(boundaries: readonly Boundary[]): Boundary[] {
  return boundaries.filter(
    ({ call }, index) => boundaries[index - 1]?.call !== call || boundaries[index + 1]?.call !== call,
  );
}

/** Kills the agent at a boundary; where it never gets there, it runs to its end. */
export function killAt(world: World, args: readonly string[], boundary: Boundary): Promise<CommandResult> {
  return injected(world, args, boundary, 'signal=KILL');
}

/** What a command ends with that was hit in Node itself: calls are counted, and those that Node makes for itself vary. */
export const missed: CommandResult = { exitCode: 134, stdout: '', stderr: '' };

/** Lets the call at a boundary fail, and nothing else. A write of Node to wake itself that fails leaves it asleep. */
export async function failAt(
  world: World,
  args: readonly string[],
  at: Boundary,
  error: string,
): Promise<CommandResult> {
  const limited = at.call === 'write' ? ['timeout', '--signal=KILL', '60'] : [];
  const result = await injected(world, args, at, `error=${error}`, limited);
  return limited.length > 0 && result.exitCode === 137 ? missed : result;
}

function injected(
  world: World,
  args: readonly string[],
  { call, nth }: Boundary,
  what: string,
  limited: readonly string[] = [],
): Promise<CommandResult> {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${nth}`];
  return agent(world, args, [...limited, 'strace', '-qq', '-o', '/dev/null', '-e', 'signal=none', ...inject, '--']);
}

/** Who is killed at an instant. */
export type Victims = 'agent' | 'agent and its programs';

/** The agent and what it started: all of them stand still before the first is killed. */
const killScript = `
tree() { echo $1; for child in $(cat /proc/$1/task/*/children 2>/dev/null); do tree $child; done; }
cd "$0"; delay=$1; whole=$2; shift 2
"$@" & agent=$!
sleep $delay
if test -n "$whole"; then
  kill -STOP $(tree $agent) 2>/dev/null
  kill -KILL $(tree $agent) 2>/dev/null
else
  kill -KILL $agent 2>/dev/null
fi
wait $agent`;

/** Kills the agent so many milliseconds after it was started. */
export function killAfter(
  world: World,
  args: readonly string[],
  delayMs: number,
  victims: Victims,
): Promise<CommandResult> {
  const { root } = world.lab.quick;
  const whole = victims === 'agent' ? '' : 'whole';
  return world.lab.quick.run([
    ...['bash', '-c', killScript, root, (delayMs / 1000).toFixed(4), whole],
    ...commandOf(world, args),
  ]);
}

/** How many milliseconds an operation takes from its start to its end. */
export async function durationOf(world: World, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const { exitCode, stderr } = await killAfter(world, args, 0, 'agent').then(() => agent(world, args));
  if (exitCode !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return performance.now() - start;
}
