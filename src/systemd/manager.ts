import type { Exec, ExecResult } from '../host/exec.ts';
import { runLimited, runLimitedOk } from './limited.ts';

/** The running manager, by systemctl(1). */

/** What the manager says of a unit (org.freedesktop.systemd1(5)). */
export interface UnitState {
  /** All its names, its own first. */
  readonly names: readonly string[];
  /** `loaded`, `not-found`, `bad-setting`, `error`, `masked`. */
  readonly load: string;
  /** `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`. */
  readonly active: string;
  readonly sub: string;
  /** The file that it was loaded from; empty where there is none. */
  readonly fragment: string;
  /** Why it ended last: `success`, `exit-code`, `timeout`, ... */
  readonly result: string;
  /** How often the manager started it again by itself. */
  readonly restarts: number;
  /** Another one for each start; empty while it never ran. */
  readonly invocation: string;
}

const properties = [
  'Id',
  'Names',
  'LoadState',
  'ActiveState',
  'SubState',
  'FragmentPath',
  'Result',
  'NRestarts',
  'InvocationID',
] as const;

/** What systemctl(1) is asked for the states of units; a pattern stands for those of that name that are loaded. */
export function showStates(patterns: readonly string[]): string[] {
  return ['show', '--no-pager', ...properties.map((name) => `--property=${name}`), '--', ...patterns];
}

/** How long the manager may take to answer, in seconds: it reads all units meanwhile, where it was told to. */
const answerLimit = 90;
/** How long units may take to start or stop: somewhat more than systemd itself gives one by default. */
const jobLimit = 120;

/**
 * What the manager knows of units, a state each; a pattern stands for those of that name that are loaded.
 * @throws AgentError `tool-failed` where it does not answer.
 */
export async function unitStates(exec: Exec, patterns: readonly string[]): Promise<UnitState[]> {
  if (patterns.length === 0) return [];
  const { stdout } = await runLimited(exec, answerLimit, 'systemctl', showStates(patterns));
  return parseStates(stdout);
}

/** Reads what `systemctl show` prints: a block of `NAME=VALUE` for each unit, with an empty line between two. */
export function parseStates(text: string): UnitState[] {
  return text.split(/\n\n+/).flatMap((block) => {
    const values = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), valueOf(line)]));
    const value = (name: string): string => values.get(name) ?? '';
    const id = value('Id');
    if (id === '') return [];
    return [
      {
        names: [...new Set([id, ...value('Names').split(' ')])].filter((name) => name !== ''),
        load: value('LoadState'),
        active: value('ActiveState'),
        sub: value('SubState'),
        fragment: value('FragmentPath'),
        result: value('Result'),
        restarts: Number(values.get('NRestarts') ?? 0),
        invocation: value('InvocationID'),
      },
    ];
  });
}

function valueOf(line: string): string {
  return line.slice(line.indexOf('=') + 1);
}

/** Whether a unit runs or is about to, so that stopping it makes a difference. */
export function isUp({ active }: UnitState): boolean {
  return ['active', 'reloading', 'refreshing', 'activating'].includes(active);
}

/**
 * Has the manager read all unit files again.
 * @throws AgentError `tool-failed`
 */
export async function reloadManager(exec: Exec): Promise<void> {
  await runLimitedOk(exec, answerLimit, 'systemctl', ['daemon-reload']);
}

export type UnitVerb = 'start' | 'stop' | 'restart' | 'reload-or-restart' | 'try-restart' | 'try-reload-or-restart';

/** Has units started, stopped and the like, all at once, and waits for that; what failed is in the result. */
export function changeUnits(exec: Exec, verb: UnitVerb, units: readonly string[]): Promise<ExecResult> {
  return runLimited(exec, jobLimit, 'systemctl', [verb, '--no-ask-password', '--', ...units]);
}

/** Forgets that units failed: those that are gone would be told as failed until the next boot. */
export async function forgetFailures(exec: Exec, units: readonly string[]): Promise<void> {
  await runLimited(exec, answerLimit, 'systemctl', ['reset-failed', '--', ...units]);
}

/** The end of what a unit wrote in this boot; what it wrote again and again, once. */
export async function lastLines(exec: Exec, unit: string): Promise<string[]> {
  const options = ['--boot', '--quiet', '--no-pager', '--output=cat', '--lines=100', `--unit=${unit}`];
  const { stdout } = await runLimited(exec, 20, 'journalctl', options);
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return [...new Set(lines)].slice(-8);
}
