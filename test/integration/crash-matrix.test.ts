import { expect, test } from 'vitest';

import { runMatrix } from '../crash/matrix.ts';
import { operations } from '../crash/operations.ts';
import { killPulls } from '../crash/pulls.ts';

/** A sample of the whole: `node test/crash/matrix.ts` kills at every boundary and at hundreds of instants. */
test('an operation that is killed anywhere leaves the old set or the new one, and nothing half', async () => {
  const lines: string[] = [];

  const counts = await runMatrix({ instants: 6, seed: 7, boundaries: 1, say: (line) => lines.push(line) });

  expect(lines.filter((line) => line.startsWith('PROBLEM'))).toEqual([]);
  expect(counts.map(({ operation }) => operation)).toEqual(operations.map(({ name }) => name));
  const killed = counts.reduce((sum, { interrupted }) => sum + interrupted, 0);
  expect(killed).toBeGreaterThan(2);
}, 1_200_000);

/** `node test/crash/pulls.ts` kills at a hundred instants. */
test('an image whose fetching is killed comes when it is asked for again, and nothing is left behind', async () => {
  const { problems } = await killPulls(2, 11, () => undefined);

  expect(problems).toEqual([]);
}, 600_000);
