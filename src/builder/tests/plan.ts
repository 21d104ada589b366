import type { Problem } from '../../core/problems.ts';
import { fieldPath, itemPath, quote } from '../../core/yaml/text.ts';
import type { Spec } from '../spec/spec.ts';
import type { OutputCheck, SpecTest, TestStep } from '../spec/tests.ts';
import { badExpression } from './checks.ts';
import { compileExpression } from './regular-expression.ts';
import { splitWords } from './words.ts';

/** A step with the words it runs, and its place in the spec. */
export interface PlannedStep extends TestStep {
  readonly field: string;
  readonly words: readonly [string, ...string[]];
}

/** A test that can be run. */
export interface PlannedTest extends Omit<SpecTest, 'steps'> {
  /** `tests[0]`, `targets.trixie.tests[0]` */
  readonly field: string;
  /** As messages call it. */
  readonly title: string;
  readonly steps: readonly PlannedStep[];
}

/** What is to be tested for a target, or why that cannot be. */
export type TestPlan =
  | { readonly ok: true; readonly tests: readonly PlannedTest[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The tests of a spec, then those that it has for the target. */
export function planTests(spec: Spec, target: string | undefined): TestPlan {
  const problems: Problem[] = [];
  const ofTarget = target === undefined ? undefined : spec.targets.get(target)?.tests;
  const tests = [
    ...planned(spec.tests, 'tests', problems),
    ...planned(ofTarget ?? [], `${fieldPath('targets', target ?? '')}.tests`, problems),
  ];
  return problems.length === 0 ? { ok: true, tests } : { ok: false, problems };
}

function planned(tests: readonly SpecTest[], list: string, problems: Problem[]): readonly PlannedTest[] {
  return tests.map((test, index) => {
    const field = itemPath(list, index);
    const title = test.name === '' ? field : `test ${quote(test.name)}`;
    const steps = test.steps.flatMap((step, number) => plannedStep(step, itemPath(`${field}.steps`, number), problems));
    return { ...test, field, title, steps };
  });
}

function plannedStep(step: TestStep, field: string, problems: Problem[]): readonly PlannedStep[] {
  const split = splitWords(step.command);
  const [program, ...args] = split.ok ? split.words : [];
  if (program !== undefined) return [{ ...step, field, words: [program, ...args] }];
  const message = `${quote(step.command)} is no command: ${split.ok ? 'it has no word' : split.problem}`;
  problems.push({ position: step.position, field: `${field}.command`, message });
  return [];
}

/** Where the tests have regular expressions that are none. */
export function expressionProblems(tests: readonly PlannedTest[]): readonly Problem[] {
  return tests.flatMap(({ field, steps, files }) => [
    ...steps.flatMap((step) => [
      ...badExpressions(step.stdout, `${step.field}.stdout`),
      ...badExpressions(step.stderr, `${step.field}.stderr`),
    ]),
    ...files.flatMap(({ path, check }) => badExpressions(check, fieldPath(`${field}.files`, path.value))),
  ]);
}

function badExpressions({ matches }: OutputCheck, field: string): readonly Problem[] {
  return matches.flatMap(({ value, position }, index) => {
    const compiled = compileExpression(value);
    const at = { position, field: `${field}.${itemPath('matches', index)}` };
    return compiled.ok ? [] : [{ ...at, message: badExpression(value, compiled.problem) }];
  });
}
