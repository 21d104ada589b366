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
  it('is that of dpkg', { timeout: 600_000 }, async () => {
    const random = fc.sample(fc.tuple(version, version), { numRuns: 7500, seed });
    const close = fc.sample(fc.tuple(version, piece), { numRuns: 2500, seed }).map(([a, end]) => [a, a + end] as const);
    const claims = [...random, ...close].map(([a, b]) => `${a} ${relationOf(a, b)} ${b}`);
    expect({ seed, ...(await askDpkg(claims)) }).toEqual({ seed, asked: 10_000, denied: [] });
  });
});

function relationOf(a: string, b: string): string {
  return ['lt', 'eq', 'gt'][Math.sign(compareVersions(a, b)) + 1] ?? '';
}

/** One shell asks for all claims. Each pair is in one of the three relations, so that one question tells which. */
async function askDpkg(claims: readonly string[]): Promise<{ asked: number; denied: readonly string[] }> {
  const script = `asked=0; while read -r a relation b; do
    dpkg --compare-versions "$a" "$relation" "$b" || echo "$a $relation $b"
    asked=$((asked + 1)); done; echo "$asked"`;
  const running = promisify(execFile)('sh', ['-c', script]);
  running.child.stdin?.end(claims.map((claim) => `${claim}\n`).join(''));
  const lines = (await running).stdout.trim().split('\n');
  return { asked: Number(lines.at(-1)), denied: lines.slice(0, -1) };
}
