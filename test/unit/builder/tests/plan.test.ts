import { describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { expressionProblems, planTests } from '../../../../src/builder/tests/plan.ts';
import { inOneLine } from '../../../../src/core/problems.ts';

function plan(text: string, target?: string) {
  return planTests(parseSpec(text, 's'), target);
}

const spec = `tests:
- name: one
  steps: [{command: a 'b c'}]
- steps: [{command: d}]
targets:
  trixie:
    tests: [{name: two, steps: [{command: e}]}]
`;

describe('the plan of tests', () => {
  test.each([
    [undefined, ['test "one"', 'tests[1]']],
    ['trixie', ['test "one"', 'tests[1]', 'test "two"']],
    ['noble', ['test "one"', 'tests[1]']],
  ])('for %s has %j', (target, titles) => {
    const planned = plan(spec, target);

    expect(planned.ok && planned.tests.map(({ title }) => title)).toEqual(titles);
  });

  test('has the words of each step and its place', () => {
    const planned = plan(spec, 'trixie');

    expect(planned.ok && planned.tests.flatMap(({ steps }) => steps.map(({ field, words }) => [field, words]))).toEqual(
      [
        ['tests[0].steps[0]', ['a', 'b c']],
        ['tests[1].steps[0]', ['d']],
        ['targets.trixie.tests[0].steps[0]', ['e']],
      ],
    );
  });

  test('tells of all commands that are none', () => {
    const planned = plan('tests:\n- name: a\n  steps:\n  - command: a "b\n  - command: ""\n');

    expect(planned.ok ? [] : planned.problems.map(inOneLine)).toEqual([
      's:4:5: tests[0].steps[0].command: "a \\"b" is no command: a quote is not closed',
      's:5:5: tests[0].steps[1].command: "" is no command: it has no word',
    ]);
  });

  test('tells of all expressions that are none', () => {
    const planned = plan(`tests:
- name: a
  steps:
  - {command: a, stdout: {matches: [ok, '(?=a)']}, stderr: {matches: ['(']}}
  files: {/b: {matches: ['[']}}
`);

    expect(planned.ok ? expressionProblems(planned.tests).map(({ field }) => field) : []).toEqual([
      'tests[0].steps[0].stdout.matches[1]',
      'tests[0].steps[0].stderr.matches[0]',
      'tests[0].files["/b"].matches[0]',
    ]);
  });
});
