import { dirname } from 'node:path';

import type { Problem } from '../../core/problems.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';

/** What the last attempt at what the drop-ins want came to: in /run, for `status`. */
export interface FleetState {
  /** What could not be done, besides what is wrong with the files themselves; by the names of extensions. */
  readonly troubles: readonly NamedProblems[];
  /** Why the attempt as a whole failed. */
  readonly failure?: string;
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
    const state = JSON.parse(text) as FleetState;
    return Array.isArray(state.troubles) ? state : nothing;
  } catch {
    return nothing;
  }
}
