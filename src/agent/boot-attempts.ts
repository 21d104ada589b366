import { dirname } from 'node:path';

import { makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';
import type { Agent } from './agent.ts';

/** How often this host has booted with a generation without coming up well. */
export interface BootAttempts {
  /** The boot that was counted last. */
  readonly bootId: string;
  /** The generation that it began with; absent where there was none. */
  readonly generation?: number;
  /** Boots with that generation since the last one that came up well, that last one counted. */
  readonly attempts: number;
}

/** What is to be noted of a boot with a generation: a boot counts once, and another generation begins anew. */
export function counted(
  before: BootAttempts | undefined,
  bootId: string,
  generation: number | undefined,
): BootAttempts {
  const same = before !== undefined && before.generation === generation;
  const known = same ? before.attempts : 0;
  const attempts = same && before.bootId === bootId ? known : known + 1;
  return { bootId, ...(generation === undefined ? {} : { generation }), attempts };
}

/** What was noted last; undefined where nothing was, or nothing that can be read. */
export function readAttempts({ paths }: Pick<Agent, 'paths'>): BootAttempts | undefined {
  try {
    const value: unknown = JSON.parse(readTextIfAny(paths.bootAttempts) ?? 'null');
    return isBootAttempts(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isBootAttempts(value: unknown): value is BootAttempts {
  const { bootId, generation, attempts } = (value ?? {}) as Partial<BootAttempts>;
  const isNumber = generation === undefined || Number.isInteger(generation);
  return typeof bootId === 'string' && isNumber && Number.isInteger(attempts);
}

/** Writes it down durably; what says the same is not written again. */
export function writeAttempts(agent: Pick<Agent, 'paths'>, attempts: BootAttempts): void {
  const { bootAttempts } = agent.paths;
  if (JSON.stringify(readAttempts(agent)) === JSON.stringify(attempts)) return;
  makeDirectory(dirname(bootAttempts));
  writeAtomically(bootAttempts, JSON.stringify(attempts));
}
