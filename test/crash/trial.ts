import type { CommandResult } from '../lab/command.ts';
import { agent } from './kills.ts';
import { look, type Host, type Look, type OperationRow } from './look.ts';
import type { Operation } from './operations.ts';
import { operationsAtStart, type World } from './world.ts';

/** How far an operation got that something went wrong with, by what the history says of it. */
export type Progress = 'not begun' | 'interrupted' | 'failed' | 'done';

export interface Outcome {
  readonly progress: Progress;
  /** Which set is merged afterwards; `same` where the operation changes none. */
  readonly set: 'old' | 'new' | 'same' | 'neither';
  /** What does not hold; empty where all is well. */
  readonly problems: readonly string[];
  readonly result: CommandResult;
}

/** What comes next: each of these must find everything in order, or put it in order. */
export const followers: readonly (readonly [string, ...string[]])[] = [['refresh'], ['gc'], ['hold', 'b'], ['apply']];

/**
 * Lets something go wrong with an operation, from the state at the start, then does one other and looks at everything.
 * @param spoiled does the operation, and lets it go wrong.
 */
export async function attempt(
  world: World,
  operation: Operation,
  follower: readonly string[],
  spoiled: () => Promise<CommandResult>,
): Promise<Outcome> {
  await world.reset(operation.setUp ?? '');
  const result = await spoiled();
  const next = await agent(world, [...follower, '--reason=next', '--wait=60']);
  const [verb = ''] = follower;
  const looksAfter = verb === 'refresh' || verb === 'apply';
  const shown = await look(hostOf(world), {
    forgets: operation.forgets === true,
    complete: operation.drifted !== true || verb === 'apply',
    masked: looksAfter,
  });
  const progress = progressOf(shown.operations);
  const set = setOf(operation, shown);
  return {
    progress,
    set,
    result,
    problems: [
      ...shown.wrong,
      ...(next.exitCode === 0 ? [] : [`${verb} ended with ${next.exitCode}: ${next.stderr}`]),
      ...contradictions(progress, set, shown),
    ],
  };
}

function hostOf({ lab }: World): Host {
  return { root: lab.quick.root, shell: (script) => lab.shell(script) };
}

function progressOf(operations: readonly OperationRow[]): Progress {
  const row = operations.find(({ id, reason }) => id > operationsAtStart && reason !== 'next');
  if (row === undefined) return 'not begun';
  return row.result === 'done' || row.result === 'failed' ? row.result : 'interrupted';
}

function setOf({ before, after }: Operation, { seen }: Look): Outcome['set'] {
  if (before.includes(seen)) return seen === after ? 'same' : 'old';
  return seen === after ? 'new' : 'neither';
}

/** What is merged is what the history says. */
function contradictions(progress: Progress, set: Outcome['set'], { seen }: Look): string[] {
  if (set === 'neither') return [`merged is neither the old set nor the new one: ${seen || 'nothing'}`];
  const expected = progress === 'done' ? 'new' : 'old';
  return set === 'same' || set === expected ? [] : [`the history says ${progress}, and the ${set} set is merged`];
}
