import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

import { LongestFirst } from './test/support/longest-first.ts';
import { summary } from './test/support/summary.ts';

/**
 * One number for both projects: so a worker that the long tests leave idle takes up unit tests. Twice as many as there are
 * cores, since a test of a machine waits half of its time: for what it boots, for units to stop, for the kernel to be done
 * with mounts, and for systemd-sysext to give up a device.
 */
const maxWorkers = availableParallelism() * 2;

/** Two projects: `unit` needs nothing but Node; `integration` needs root, the packages of `make setup`, and the lab. */
export default defineConfig({
  test: {
    reporters: ['default', summary],
    // What a test says on its console is for those who look for why it failed.
    silent: 'passed-only',
    sequence: { sequencer: LongestFirst },
    projects: [
      // Limits only end what hangs: a property test takes seconds on a machine that does other things as well.
      // A process for each file would take more than twice as long as what the tests do in it.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 180_000, maxWorkers, isolate: false } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/lab/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers,
        },
      },
    ],
  },
});
