import { relative } from 'node:path';

import type { Reporter, SerializedError, TestModule } from 'vitest/node';

type Errors = readonly SerializedError[] | undefined;

/**
 * Ends a run with one line that people and programs can read: `12 passed, 1 failed`, and what was skipped. Before it stands
 * what failed, a line each: the end of a long log is what everyone has.
 */
export const summary: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const states = modules.flatMap((module) => Array.from(module.children.allTests(), (test) => test.result().state));
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    const failures = modules.flatMap(failuresOf);
    const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
    const lines = failures.map((failure) => `failed: ${failure}\n`).join('');
    process.stdout.write(`\n${lines}${count('passed')} passed, ${failures.length} failed${skipped}\n`);
  },
};

/** The tests that failed, and what failed around them: a group whose hooks fail skips its tests, a file may not even load. */
function failuresOf(module: TestModule): string[] {
  const file = relative(process.cwd(), module.moduleId);
  const { children } = module;
  const tests = Array.from(children.allTests('failed'), (test) =>
    told(`${file}: ${test.fullName}`, test.result().errors),
  );
  const groups = Array.from(children.allSuites(), (group) => ({
    place: `${file}: ${group.fullName}`,
    errors: group.errors(),
  }));
  const around = [...groups, { place: file, errors: module.errors() }].filter(({ errors }) => errors.length > 0);
  return [...tests, ...around.map(({ place, errors }) => told(place, errors))];
}

function told(place: string, errors: Errors): string {
  return `${place}: ${errors?.[0]?.message.split('\n', 1)[0] ?? 'without an error'}`;
}
