import { fieldPath, itemPath } from '../../core/yaml/text.ts';
import type { Expander } from './expander.ts';
import { expandMounts } from './substitute-sources.ts';
import type { OutputCheck, SpecTest, TestStep } from './tests.ts';

/** Expands the tests of a spec or of a target. */
export function expandTests(expander: Expander, tests: readonly SpecTest[], field: string): readonly SpecTest[] {
  return tests.map((test, index) => expandTest(expander, test, itemPath(field, index)));
}

function expandTest(expander: Expander, test: SpecTest, field: string): SpecTest {
  return {
    ...test,
    mounts: expandMounts(expander, test.mounts, `${field}.mounts`),
    env: expander.map(test.env, `${field}.env`),
    steps: test.steps.map((step, index) => expandStep(expander, step, itemPath(`${field}.steps`, index))),
    files: test.files.map(({ path, check }) => ({
      path,
      check: expandCheck(expander, check, fieldPath(`${field}.files`, path.value)),
    })),
  };
}

function expandStep(expander: Expander, step: TestStep, field: string): TestStep {
  return {
    ...step,
    env: expander.map(step.env, `${field}.env`),
    stdin: expander.optional(step.stdin, `${field}.stdin`),
    stdout: expandCheck(expander, step.stdout, `${field}.stdout`),
    stderr: expandCheck(expander, step.stderr, `${field}.stderr`),
  };
}

function expandCheck<C extends OutputCheck>(expander: Expander, check: C, field: string): C {
  return {
    ...check,
    equals: expander.optional(check.equals, `${field}.equals`),
    contains: expander.list(check.contains, `${field}.contains`),
    matches: expander.list(check.matches, `${field}.matches`),
    startsWith: expander.optional(check.startsWith, `${field}.starts_with`),
    endsWith: expander.optional(check.endsWith, `${field}.ends_with`),
  };
}
