import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { scenarioOf } from '../../sim/options.ts';
import { report } from '../../sim/report.ts';
import { simulate } from '../../sim/simulation.ts';

const document = readFileSync(new URL('../../../docs/rollout.md', import.meta.url), 'utf8');
const runs = Array.from(
  document.matchAll(/```\n\$ node test\/sim\/main\.ts(.*)\n([^]*?)\n```/g),
  ([, args = '', output]) => ({
    args: args.trim(),
    output,
  }),
);

test('docs/rollout.md shows runs of the simulation', () => {
  expect(runs.length).toBe(2);
});

test.each(runs)('with "$args" it prints what docs/rollout.md shows', async ({ args, output }) => {
  const words = args.split(' ').filter((word) => word !== '');

  expect(report(await simulate(scenarioOf(words))).join('\n')).toBe(output);
});
