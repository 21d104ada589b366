import { AgentError } from '../core/errors.ts';
import type { Agent } from './agent.ts';
import { isSameSet } from './apply.ts';
import { ancestors } from './ancestors.ts';
import { changesBetween, changeSet, type ChangeOptions, type ChangeReport } from './change.ts';
import type { History } from './history.ts';
import type { Generation } from './records.ts';

/**
 * Puts an earlier set of extensions in force again, as a new generation; its images are those that were kept, so that no
 * network is needed.
 * @param number of an operation: the set that was in force when it had ended. Left out, the set before the present one.
 * @throws AgentError `usage` where there is no such set; `no-such-file` where an image of it was not kept, `incompatible`
 * where one does not fit this system any more, `rolled-back` where
 * boots with it did not come up well, `held`, `conflict`, `merge-failed`, `busy`.
 */
export async function rollback(
  agent: Agent,
  number: number | undefined,
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  return changeSet(
    agent,
    {
      verb: 'rollback',
      desired: (installed, history) => {
        const { extensions } = number === undefined ? previousGeneration(history) : earlierGeneration(history, number);
        const named = changesBetween(installed, extensions).map(({ name }) => name);
        return { extensions, named, merge: { verb: 'refresh', options: {} } };
      },
    },
    options,
  );
}

/** The nearest one before whose set is another one, and that was not given up. */
function previousGeneration(history: History): Generation {
  const [active] = history.generations(1);
  const before = ancestors(history, active);
  const previous = before.find(
    ({ state, extensions }) => state === 'superseded' && !isSameSet(extensions, active?.extensions ?? []),
  );
  if (previous !== undefined) return previous;
  const facts = before
    .filter(({ state }) => state === 'given-up')
    .map((one) => `generation ${one.number} was given up`);
  throw new AgentError('usage', 'there is no earlier set of extensions', {
    ...(facts.length === 0 ? {} : { facts }),
    left: 'Nothing was changed.',
    next: '`sysext-agent history` shows the sets that there were.',
  });
}

/** The set of a generation that never was in force is none to go back to, nor is one that was given up. */
function earlierGeneration(history: History, number: number): Generation {
  const operation = history.operation(number);
  if (operation === undefined) throw noOperation(number);
  const { state, error } = operation;
  if (state === 'failed' || state === 'rolled-back') {
    throw new AgentError('usage', `the extensions of operation ${number} were never in force: it ${ends[state]}`, {
      ...(error === undefined ? {} : { facts: [error] }),
      left: 'Nothing was changed.',
      next: '`sysext-agent history` shows the sets that there were.',
    });
  }
  const generation = setAt(history, number);
  if (generation.state === 'given-up') throw givenUp(generation.number);
  return generation;
}

function givenUp(number: number): AgentError {
  return new AgentError('rolled-back', `generation ${number} was given up: boots with it did not come up well`, {
    left: 'Nothing was changed.',
    next: `\`sysext-agent history ${number}\` shows what was in it; \`install --retry\` tries an image again.`,
  });
}

const ends = { failed: 'failed', 'rolled-back': 'was rolled back' } as const;

/** The set of extensions that operation `number` led to, or that was in force when it had ended; none before the first. */
export function setAt(history: History, number: number): Generation {
  const operation = history.operation(number);
  if (operation === undefined) throw noOperation(number);
  const own = history.generation(number);
  return (
    own ?? history.generationAt(number) ?? { number, state: 'superseded', madeAt: operation.startedAt, extensions: [] }
  );
}

export function noOperation(number: number): AgentError {
  return new AgentError('usage', `the history has no operation ${number}`, {
    next: '`sysext-agent history` shows the numbers.',
  });
}
