import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareVersions } from '../../src/builder/packages/deb/version.ts';

/** Versions that dpkg is asked about; the seed is printed by the assertion when one differs. */
const seed = Date.now() % 1_000_000;

const piece = fc.constantFrom('0', '1', '2', '10', '09', 'a', 'b', 'rc', 'Z', '.', '+', '~', '~~', '+b1', '~bpo12');
const tail = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
const version = fc
  .tuple(fc.constantFrom('', '', '0:', '1:', '2:'), fc.nat(12), tail, fc.option(tail.filter((text) => text !== '')))
  .map(([epoch, first, rest, revision]) => `${epoch}${first}${rest}${revision === null ? '' : `-${revision}`}`);

describe('the order of versions', () => {
  it('is that of dpkg', async () => {
    const random = fc.sample(version, { numRuns: 500, seed });
    const close = fc.sample(fc.tuple(version, piece), { numRuns: 150, seed }).flatMap(([a, end]) => [a, a + end]);
    const ordered = [...new Set([...random, ...close])].sort(compareVersions);
    const claims = ordered.slice(1).map((b, index) => [ordered[index] ?? '', relationOf(ordered[index] ?? '', b), b]);

    expect(ordered.length).toBeGreaterThan(500);
    expect(new Set(claims.map(([, relation]) => relation))).toEqual(new Set(['lt', 'eq']));
    // dpkg's word on neighbours is its word on all pairs: the rest is whether ours is an order at all.
    expect({ seed, ...(await askDpkg(claims)) }).toEqual({ seed, asked: claims.length, denied: [] });
    expect({ seed, odd: outOfOrder(ordered) }).toEqual({ seed, odd: [] });
  });
});

/** Pairs whose relation does not follow from their places in what is sorted: of each version with one in fifty others. */
function outOfOrder(ordered: readonly string[]): readonly string[] {
  const places: number[] = [];
  for (const [index, one] of ordered.entries()) {
    const isNewer = index > 0 && relationOf(ordered[index - 1] ?? '', one) !== 'eq';
    places.push((places.at(-1) ?? 0) + (isNewer ? 1 : 0));
  }
  return ordered.flatMap((a, here) =>
    ordered.flatMap((b, there) => {
      const follows = Math.sign((places[here] ?? 0) - (places[there] ?? 0));
      return (here + there) % 50 !== 0 || Math.sign(compareVersions(a, b)) === follows ? [] : [`${a} ${b}`];
    }),
  );
}

function relationOf(a: string, b: string): string {
  return ['lt', 'eq', 'gt'][Math.sign(compareVersions(a, b)) + 1] ?? '';
}

/** One shell asks for all claims. Each pair is in one of the three relations, so that one question tells which. */
async function askDpkg(claims: readonly (readonly string[])[]): Promise<{ asked: number; denied: readonly string[] }> {
  const script = `asked=0; while read -r a relation b; do
    dpkg --compare-versions "$a" "$relation" "$b" || echo "$a $relation $b"
    asked=$((asked + 1)); done; echo "$asked"`;
  const running = promisify(execFile)('sh', ['-c', script]);
  running.child.stdin?.end(claims.map((claim) => `${claim.join(' ')}\n`).join(''));
  const lines = (await running).stdout.trim().split('\n');
  return { asked: Number(lines.at(-1)), denied: lines.slice(0, -1) };
}
