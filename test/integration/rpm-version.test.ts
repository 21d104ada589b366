import { execFileSync } from 'node:child_process';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareVersions } from '../../src/builder/packages/rpm/version.ts';

/** The seed is printed by the assertion when a pair differs. */
const seed = Date.now() % 1_000_000;

const piece = fc.constantFrom(
  ...['0', '1', '2', '10', '09', '007', 'a', 'b', 'rc', 'Z', '.', '..', '_', '+', '~', '~~', '^', '^~', 'git', 'el9'],
);
const part = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
const epoch = fc.constantFrom('', '', '0:', '1:', '2:');
const version = fc.tuple(epoch, part).map((parts) => parts.join(''));
/** Both with a release: rpm's function takes a missing one for the oldest, where a constraint means any. */
const released = fc.tuple(epoch, part, part).map(([before, text, release]) => `${before}${text}-${release}`);

describe('the order of versions', () => {
  it('is that of rpm', () => {
    const random = fc.sample(fc.tuple(version, version), { numRuns: 7000, seed });
    const close = fc.sample(fc.tuple(version, piece), { numRuns: 5000, seed }).map(([a, end]) => [a, a + end] as const);
    const full = fc.sample(fc.tuple(released, released), { numRuns: 2000, seed });
    const pairs = [...random, ...close, ...full];
    const wrong = (orders: readonly number[]) =>
      pairs.flatMap(([a, b], index) => {
        const found = Math.sign(compareVersions(a, b));
        return found === orders[index] ? [] : [{ seed, a, b, found, rpm: orders[index] }];
      });
    const orders = ordersOfRpm(pairs);
    expect(orders).toHaveLength(14_000);
    expect(new Set(orders)).toEqual(new Set([-1, 0, 1]));
    expect(wrong(orders)).toEqual([]);
  });
});

/** rpm's own comparison, asked for some hundred pairs at a time: -1, 0 or 1 each. */
function ordersOfRpm(pairs: readonly (readonly [string, string])[]): number[] {
  const atOnce = 400;
  const groups = Array.from({ length: Math.ceil(pairs.length / atOnce) }, (_, index) =>
    pairs.slice(index * atOnce, (index + 1) * atOnce),
  );
  return groups.flatMap((group) => {
    const calls = group.map(([a, b]) => `print(rpm.vercmp("${a}", "${b}") .. " ")`).join(' ');
    const output = execFileSync('rpm', ['--eval', `%{lua: ${calls}}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
    return output.trim().split(/\s+/).map(Number);
  });
}
