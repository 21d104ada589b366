import { dirname } from 'node:path';

import type { Problem } from '../../core/problems.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';
import type { Delay } from '../unattended/permission.ts';

/** What the last attempt at what the drop-ins want came to: in /run, for `status`. */
export interface FleetState {
  /** What could not be done, besides what is wrong with the files themselves; by the names of extensions. */
  readonly troubles: readonly NamedProblems[];
  /** Why the attempt as a whole failed. */
  readonly failure?: string;
  /** What was not to be changed yet. */
  readonly waiting?: WaitingChanges;
  /** What kept the last upgrade from being done, which stays until the next one; absent where nothing did. */
  readonly upgrade?: UpgradeTrouble;
}

/** What an upgrade could not do. */
export interface UpgradeTrouble {
  readonly troubles: readonly NamedProblems[];
  /** Why it failed as a whole. */
  readonly failure?: string;
}

/** Changes that wait, and why. */
export interface WaitingChanges extends Delay {
  /** The names of the extensions, ascending; none where it is not known yet what an upgrade would change. */
  readonly names: readonly string[];
}

export interface NamedProblems {
  readonly name: string;
  readonly problems: readonly Problem[];
}

const nothing: FleetState = { troubles: [] };

/** Notes what a reconciliation came to, unless that is what is noted already. */
export function rememberFleet(agent: Agent, state: Omit<FleetState, 'upgrade'>): void {
  const { upgrade } = recallFleet(agent);
  write(agent, { ...state, ...(upgrade === undefined ? {} : { upgrade }) });
}

/** Notes what an upgrade came to. */
export function rememberUpgrade(agent: Agent, { troubles, failure }: UpgradeTrouble): void {
  const { troubles: others, failure: whole, waiting } = recallFleet(agent);
  const isWell = troubles.length === 0 && failure === undefined;
  write(agent, {
    troubles: others,
    ...(whole === undefined ? {} : { failure: whole }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(isWell ? {} : { upgrade: { troubles, ...(failure === undefined ? {} : { failure }) } }),
  });
}

function write(agent: Agent, state: FleetState): void {
  const path = agent.paths.fleetState;
  const text = JSON.stringify(state);
  if ((readTextIfAny(path) ?? JSON.stringify(nothing)) === text) return;
  makeDirectory(dirname(path));
  writeAtomically(path, text);
}

/** What was noted; nothing where it makes no sense. */
export function recallFleet(agent: Agent): FleetState {
  const text = readTextIfAny(agent.paths.fleetState);
  if (text === undefined) return nothing;
  try {
    const state = JSON.parse(text, (key, value: unknown) =>
      key === 'until' && typeof value === 'string' ? new Date(value) : value,
    ) as FleetState;
    return Array.isArray(state.troubles) ? state : nothing;
  } catch {
    return nothing;
  }
}

/** What waits, why and until when, in a line; without names, an upgrade. @param time how times are written. */
export function waitingText({ names, reason, until }: WaitingChanges, time: (date: Date) => string): string {
  const what = names.length === 0 ? 'an upgrade' : names.join(', ');
  const end = until === undefined ? '' : ` until ${time(until)}`;
  return `${what} ${names.length > 1 ? 'wait' : 'waits'}${end}: ${reason}`;
}
