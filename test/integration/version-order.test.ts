import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isInRange, parseVersionRange } from '../../src/core/version-range.ts';

/** Pairs that systemd is asked about; the seed is printed by the assertion when one differs. */
const seed = Date.now() % 1_000_000;

const piece = fc.constantFrom(
  '0',
  '1',
  '2',
  '10',
  '09',
  'a',
  'b',
  'rc',
  'Z',
  '.',
  '.1',
  '~',
  '~rc',
  '^',
  '^post1',
  '_',
);
const version = fc
  .tuple(fc.constantFrom('0', '1', '2', '123', 'r5'), fc.array(piece, { maxLength: 4 }))
  .map(([first, rest]) => first + rest.join(''));
const revised = fc
  .tuple(version, fc.constantFrom('1', '2', '1.1', 'a'))
  .map(([upstream, revision]) => `${upstream}-${revision}`);

test('the bounds of a range are in the order of systemd-analyze compare-versions', async () => {
  const random = fc.sample(fc.tuple(version, version), { numRuns: 70, seed });
  const close = fc.sample(fc.tuple(version, piece), { numRuns: 60, seed }).map(([a, end]) => [a, a + end] as const);
  const withRevisions = fc.sample(fc.tuple(revised, revised), { numRuns: 30, seed });
  const pairs = [...random, ...close, ...withRevisions];
  const ours = pairs.map(([a, b]) => `${a} ${['<', '==', '>'].filter((relation) => isIn(a, relation, b)).join()} ${b}`);

  expect({ seed, answers: await askSystemd(pairs) }).toEqual({ seed, answers: ours });
});

function isIn(candidate: string, relation: string, bound: string): boolean {
  const range = parseVersionRange(`${relation}${bound}`);
  return 'value' in range && isInRange(candidate, range.value);
}

/** One shell asks for all pairs; each answer is `A < B`. The exit code only says the same. */
async function askSystemd(pairs: readonly (readonly [string, string])[]): Promise<string[]> {
  const script = 'while read -r a b; do systemd-analyze compare-versions "$a" "$b"; done; true';
  const running = promisify(execFile)('sh', ['-c', script]);
  running.child.stdin?.end(pairs.map(([a, b]) => `${a} ${b}\n`).join(''));
  return (await running).stdout.trim().split('\n');
}
