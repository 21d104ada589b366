import { expect, test } from 'vitest';

import { runFaults } from '../crash/faults.ts';

/** A sample of the whole: `node test/crash/faults.ts` lets all of them happen. */
test('whatever write fails and whatever a program does, the old set stays and the message says why, or it is done', async () => {
  const lines: string[] = [];

  const counts = await runFaults({ points: 4, say: (line) => lines.push(line) });

  expect(lines.filter((line) => line.startsWith('PROBLEM'))).toEqual([]);
  expect(counts.map(({ kind }) => kind)).toEqual(['ENOSPC', 'EIO', 'EROFS', 'programs', 'harmless']);
  for (const { kind, failed, done } of counts)
    expect({ kind, happened: kind === 'harmless' ? done : failed }).not.toEqual({ kind, happened: 0 });
}, 1_200_000);
