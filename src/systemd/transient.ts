import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { AgentError, isAgentError } from '../core/errors.ts';
import type { Clock } from '../host/clock.ts';
import { deadlineIn, type Deadline } from '../host/deadline.ts';
import { fileStatus, makeDirectory, piecesOf, removeTree, writeInPlace } from '../host/files.ts';
import { Variant } from './bus/values.ts';
import type { ListedUnit, UnitManager, UnitSettings } from './bus-manager.ts';
import type { UnitStatus } from './unit-status.ts';

/**
 * Programs that PID 1 runs, in the namespaces of the host, for a process that has none of its own rights there. Each is
 * a transient oneshot unit that stays after its end, however it ended, until its result was read: it outlives a
 * connection to the bus that breaks, and the process that asked for it. Its output goes to a file, where it is whole
 * when the unit has ended; the journal may have it later, in part, or not at all.
 */

export interface TransientHost {
  readonly manager: UnitManager;
  readonly clock: Clock;
  /** Where the output of running programs is kept, such as `/run/sysext-agent/runs`. */
  readonly directory: string;
}

export interface TransientProgram {
  /** What it is, as part of the unit's name: `refresh`. */
  readonly name: string;
  /** What systemd calls it in its messages. */
  readonly description: string;
  /** An absolute path, and arguments, which are passed on as they are. */
  readonly argv: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** How long it may run, in milliseconds: PID 1 ends it then. */
  readonly timeoutMs: number;
  /** What it may take with all that it starts; the kernel keeps it to that, and ends single processes for want of memory. */
  readonly limits?: {
    /** In bytes. */
    readonly memory: number;
    /** Processes and threads at once. */
    readonly tasks: number;
  };
}

/** How a program ended. */
export interface TransientResult {
  readonly unit: string;
  /** As systemd says: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, ... */
  readonly result: string;
  /** As a shell would show it: 128 and the number of the signal that ended it. */
  readonly exitCode: number;
  /** What it wrote to standard output and standard error, in that order; of much only the end. */
  readonly output: string;
  readonly invocationId: string;
}

export const unitPrefix = 'sysext-agent-run-';

/** How long a program that was told to end may take, in milliseconds. */
const stopTimeout = 10_000;

/** What PID 1 may take besides, in milliseconds: for starting the program, and for telling us. */
const grace = 30_000;

/** How much of the output is read, in bytes. */
const longestOutput = 64 << 10;

/** In milliseconds; only after the bus was away, when nobody tells us of the unit any more. */
const pollInterval = 200;

/**
 * Runs a program to its end. When the signal aborts it, PID 1 ends it.
 * @throws AgentError `tool-missing` where there is no such program, `tool-failed` where systemd could not start it,
 *   `interrupted`, `bus-timeout`, `bus-unavailable` where what became of it is not known, `access-denied`.
 */
export async function runTransient(
  host: TransientHost,
  program: TransientProgram,
  signal?: AbortSignal,
): Promise<TransientResult> {
  const unit = `${unitPrefix}${program.name}-${randomBytes(4).toString('hex')}.service`;
  const deadline = deadlineIn(host.clock, program.timeoutMs + stopTimeout + grace, signal);
  makeDirectory(host.directory);
  // Before anyone is asked to run it: where we are killed it says that there may be something to wait for.
  writeInPlace(outputFile(host, unit), '');
  try {
    return resultOf(host, await endOf(host, unit, program, deadline), program.argv[0]);
  } finally {
    await collect(host, unit);
  }
}

/**
 * The programs that a process asked for which was killed before they had ended, or before it knew: how they ended. They
 * are collected by that; those that still run are left alone.
 */
export async function leftTransient(host: TransientHost): Promise<TransientResult[]> {
  const results: TransientResult[] = [];
  for (const unit of await runningOrLeft(host)) {
    const status = await host.manager.status(unit);
    if (!hasEnded(status)) continue;
    results.push(resultOf(host, status, unit));
    await collect(host, unit);
  }
  return results;
}

/** The units of programs that have not ended, or whose result was not read. */
async function runningOrLeft({ manager }: TransientHost): Promise<string[]> {
  return (await manager.listMatching([`${unitPrefix}*.service`])).map(({ name }) => name);
}

/** Collects the programs that have ended, however they did; tells whether others are at work, or about to be. */
export async function collectLeft(host: TransientHost): Promise<boolean> {
  for (const unit of await runningOrLeft(host)) {
    const { activeState } = await host.manager.status(unit);
    if (['active', 'failed'].includes(activeState)) await collect(host, unit);
  }
  return (await runningOrLeft(host)).length > 0;
}

/** Starts the unit and waits for its end, also over a bus that restarts. */
async function endOf(
  host: TransientHost,
  unit: string,
  program: TransientProgram,
  deadline: Deadline,
): Promise<UnitStatus> {
  const { manager, clock } = host;
  const remaining = () => ({
    timeoutMs: Math.max(0, deadline.end - clock.monotonic()),
    ...(deadline.signal === undefined ? {} : { signal: deadline.signal }),
  });
  try {
    await manager.startTransient(unit, settingsOf(program, outputFile(host, unit)), remaining());
  } catch (error) {
    if (!isAgentError(error, 'bus-unavailable')) throw error;
    return await endAfterLoss(host, unit, deadline, error);
  }
  return manager.status(unit, remaining());
}

/** The bus was away while the unit ran, or before it was started: only the unit itself can tell. */
async function endAfterLoss(
  { manager, clock }: TransientHost,
  unit: string,
  deadline: Deadline,
  loss: AgentError,
): Promise<UnitStatus> {
  while (clock.monotonic() < deadline.end && deadline.signal?.aborted !== true) {
    const status = await statusIfAny(manager, unit);
    if (status?.loadState === 'not-found') break;
    if (status !== undefined && hasEnded(status)) return status;
    await clock.sleep(pollInterval);
  }
  throw loss.with({ left: `What became of the unit ${unit} is not known.` });
}

async function statusIfAny(manager: UnitManager, unit: string): Promise<UnitStatus | undefined> {
  try {
    return await manager.status(unit);
  } catch (error) {
    if (isAgentError(error, 'bus-unavailable', 'bus-timeout')) return undefined;
    throw error;
  }
}

/** A oneshot unit that stays is `active` when its program has succeeded, and `failed` when not. */
function hasEnded({ activeState }: UnitStatus): boolean {
  return ['active', 'failed', 'inactive'].includes(activeState);
}

function settingsOf(
  { description, argv, environment = {}, timeoutMs, limits }: TransientProgram,
  output: string,
): UnitSettings {
  const variables = Object.entries({ LC_ALL: 'C.UTF-8', ...environment }).map(([name, value]) => `${name}=${value}`);
  const microseconds = (milliseconds: number) => new Variant('t', BigInt(Math.round(milliseconds * 1000)));
  return {
    Description: new Variant('s', description),
    Type: new Variant('s', 'oneshot'),
    RemainAfterExit: new Variant('b', true),
    // Without that flag systemd would put variables of its own into the arguments.
    ExecStartEx: new Variant('a(sasas)', [[argv[0], argv, ['no-env-expand']]]),
    Environment: new Variant('as', variables),
    StandardOutputFileToTruncate: new Variant('s', output),
    StandardError: new Variant('s', 'inherit'),
    TimeoutStartUSec: microseconds(timeoutMs),
    TimeoutStopUSec: microseconds(stopTimeout),
    ...(limits === undefined ? {} : limitSettings(limits)),
  };
}

/** The unit goes on where a process of it was ended: the program says what came of that. */
function limitSettings({ memory, tasks }: NonNullable<TransientProgram['limits']>): UnitSettings {
  return {
    MemoryMax: new Variant('t', BigInt(memory)),
    TasksMax: new Variant('t', BigInt(tasks)),
    OOMPolicy: new Variant('s', 'continue'),
  };
}

function outputFile({ directory }: TransientHost, unit: string): string {
  return join(directory, `${unit}.out`);
}

/** As siginfo of waitid(2) says: the process exited; any other code is a signal that ended it. */
const exited = 1;

/** What systemd ends a process with that it could not make the program (systemd.exec(5), EXIT_EXEC). */
const notExecuted = 203;

function resultOf(host: TransientHost, status: UnitStatus, program: string): TransientResult {
  const { name: unit, result = '', service, invocationId } = status;
  const output = tailOf(outputFile(host, unit));
  if (service === undefined || service.mainCode === 0) {
    throw new AgentError('tool-failed', `systemd could not start ${program}: ${result}`, { facts: lines(output) });
  }
  const { mainCode, mainStatus } = service;
  if (mainCode === exited && mainStatus === notExecuted) {
    throw new AgentError('tool-missing', `systemd could not execute ${program}`);
  }
  return { unit, result, exitCode: mainCode === exited ? mainStatus : 128 + mainStatus, output, invocationId };
}

/** Ends the unit where it has not, and makes systemd forget it. Where that fails, leftTransient() does it later. */
async function collect(host: TransientHost, unit: string): Promise<void> {
  try {
    const { loadState, activeState } = await stateOf(host, unit);
    if (loadState !== 'not-found' && !['failed', 'inactive'].includes(activeState))
      await host.manager.act('stop', unit);
    if ((await stateOf(host, unit)).activeState === 'failed') await host.manager.resetFailed(unit);
    removeTree(outputFile(host, unit));
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

/** What its place in a list tells: the manager reads hundreds of properties, some from files, for a whole status. */
async function stateOf(
  { manager }: TransientHost,
  unit: string,
): Promise<Pick<ListedUnit, 'loadState' | 'activeState'>> {
  const [listed] = await manager.list([unit]);
  return listed ?? { loadState: 'not-found', activeState: 'inactive' };
}

function tailOf(path: string): string {
  if (fileStatus(path) === undefined) return '';
  let tail = Buffer.alloc(0);
  for (const piece of piecesOf(path)) tail = Buffer.concat([tail, piece]).subarray(-longestOutput);
  return tail.toString('utf8');
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
