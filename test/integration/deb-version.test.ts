import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareVersions } from '../../src/builder/packages/deb/version.ts';

/** Pairs that dpkg is asked about; the seed is printed by the assertion when one differs. */
const seed = Date.now() % 1_000_000;

const piece = fc.constantFrom('0', '1', '2', '10', '09', 'a', 'b', 'rc', 'Z', '.', '+', '~', '~~', '+b1', '~bpo12');
const tail = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
const version = fc
  .tuple(fc.constantFrom('', '', '0:', '1:', '2:'), fc.nat(12), tail, fc.option(tail.filter((text) => text !== '')))
  .map(([epoch, first, rest, revision]) => `${epoch}${first}${rest}${revision === null ? '' : `-${revision}`}`);

describe('the order of versions', () => {
  it('is that of dpkg', { timeout: 900_000 }, async () => {
    const random = fc.sample(fc.tuple(version, version), { numRuns: 7500, seed });
    const close = fc.sample(fc.tuple(version, piece), { numRuns: 2500, seed }).map(([a, end]) => [a, a + end] as const);
    const pairs = [...random, ...close];
    const half = pairs.length / 2;
    expect({ seed, orders: pairs.map(([a, b]) => Math.sign(compareVersions(a, b))) }).toEqual({
      seed,
      orders: (await Promise.all([ordersOfDpkg(pairs.slice(0, half)), ordersOfDpkg(pairs.slice(half))])).flat(),
    });
  });
});

/** One shell asks for all pairs: -1 where the first is older, 1 where it is newer, 0 otherwise. */
async function ordersOfDpkg(pairs: readonly (readonly [string, string])[]): Promise<number[]> {
  const script = `while read -r a b; do
    if dpkg --compare-versions "$a" lt "$b"; then echo -1
    elif dpkg --compare-versions "$a" gt "$b"; then echo 1
    else echo 0; fi; done`;
  const asked = promisify(execFile)('sh', ['-c', script]);
  asked.child.stdin?.end(pairs.map(([a, b]) => `${a} ${b}\n`).join(''));
  const { stdout } = await asked;
  return stdout.trim().split('\n').map(Number);
}
