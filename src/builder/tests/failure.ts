import { AgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { inOrder } from '../../core/yaml/document.ts';
import { dependenciesFor } from '../spec/for-target.ts';
import type { Spec } from '../spec/spec.ts';
import type { TestPlace } from './choice.ts';
import type { TestFailure } from './run.ts';

/** What failed of what. */
interface Failed {
  /** How many tests there are. */
  readonly total: number;
  readonly place: TestPlace;
  readonly spec: Spec;
  readonly text: string;
  readonly target: string;
}

const left = 'Nothing was put out or installed.';

const treeNames: Readonly<Record<TestPlace, string>> = {
  target: 'in a root of the target',
  merged: 'in the tree that a merge on this host would make',
};

/** All that is not as the tests say, at once. */
export function testsFailed(
  failures: readonly TestFailure[],
  { total, place, spec, text, target }: Failed,
): AgentError {
  const message = `${failures.length} of ${total} ${total === 1 ? 'test' : 'tests'} of the spec failed ${treeNames[place]}`;
  const next = place === 'target' ? nextFor(spec, target) : undefined;
  return new AgentError('tool-failed', message, {
    problems: inOrder(
      failures.flatMap(({ problems }) => problems),
      text,
    ),
    facts: failures.flatMap(({ facts }) => facts),
    left,
    ...(next === undefined ? {} : { next }),
  });
}

/** Who tests a package of the extension itself looks for it in vain: Dalec's container has it only if it is listed there. */
function nextFor(spec: Spec, target: string): string | undefined {
  if ((dependenciesFor(spec, target)?.sysext ?? []).length === 0) return undefined;
  return (
    'That root has the package of the spec, dependencies.runtime and dependencies.test, as with Dalec. ' +
    'Where tests need what dependencies.sysext brings, list it there too, or test with --test=merged.'
  );
}

/** Tests that cannot be run anywhere. */
export function unreadable(problems: readonly Problem[], text: string): AgentError {
  return new AgentError('invalid-spec', 'the tests of the spec cannot be run', {
    problems: inOrder(problems, text),
    left,
  });
}

/** The tests were asked for, and this host cannot run them. */
export function notRun(error: AgentError): AgentError {
  const { next } = error.details;
  return error.with({
    left,
    next: `${next === undefined ? '' : `${next} `}Without tests, the spec is built with --test=none.`,
  });
}
