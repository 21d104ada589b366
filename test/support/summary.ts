import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one line that people and programs can read: `12 passed, 1 failed`, and what was skipped. */
export const summary: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const states = modules.flatMap((module) => Array.from(module.children.allTests(), (test) => test.result().state));
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    // A file that does not even load has no tests: it counts as one that failed.
    const broken = modules.filter((module) => module.state() === 'failed' && module.errors().length > 0).length;
    const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
    process.stdout.write(`\n${count('passed')} passed, ${count('failed') + broken} failed${skipped}\n`);
  },
};
