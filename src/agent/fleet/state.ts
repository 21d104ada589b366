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

/** Notes it, unless that is what is noted already. */
export function rememberFleet(agent: Agent, state: FleetState): void {
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
