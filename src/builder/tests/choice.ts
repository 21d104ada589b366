import { AgentError } from '../../core/errors.ts';

/** Where the tests of a spec are run: in a root of the target, as Dalec does; in the tree that a merge here would make. */
export type TestPlace = 'target' | 'merged';

export const testChoices = ['target', 'merged', 'both', 'none'] as const;

export type TestChoice = (typeof testChoices)[number];

/** What is to be tested, and whether somebody asked for it: else a host that cannot is told of, and builds all the same. */
export interface Testing {
  readonly choice: TestChoice;
  readonly isAsked: boolean;
}

export function placesOf(choice: TestChoice): readonly TestPlace[] {
  if (choice === 'none') return [];
  return choice === 'both' ? ['target', 'merged'] : [choice];
}

/** @throws AgentError `usage` where the value of `--test` is none. */
export function parseChoice(text: string): TestChoice {
  const choice = testChoices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw new AgentError('usage', `--test takes ${testChoices.join(', ')}, not ${text}`);
}

/**
 * @param given the option `--test`.
 * @param skip the build argument DALEC_SKIP_TESTS, in the words that Go's strconv.ParseBool takes.
 * @throws AgentError `usage`
 */
export function testingFor(given: TestChoice | undefined, skip = ''): Testing {
  const skipped = skipsTests(skip);
  if (given !== undefined) return { choice: given, isAsked: true };
  return skipped ? { choice: 'none', isAsked: true } : { choice: 'target', isAsked: false };
}

function skipsTests(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['', '0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw new AgentError('usage', `DALEC_SKIP_TESTS must be true or false, not ${text}`);
}
