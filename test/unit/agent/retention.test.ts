import { expect, test } from 'vitest';

import type { Generation } from '../../../src/agent/records.ts';
import { retained } from '../../../src/agent/retention.ts';

const now = new Date('2026-06-01T00:00:00Z');
const lavish = { generations: 99, days: 999, bytes: 1e9 };

/** Generations, newest first, each of images of 10 bytes, and a day older than the one before it. */
function generations(...sets: readonly (readonly string[])[]): Generation[] {
  return sets.map((images, index) => ({
    number: sets.length - index,
    state: index === 0 ? 'active' : 'superseded',
    madeAt: new Date(now.getTime() - index * 86_400_000),
    extensions: images.map((sha256) => ({
      name: sha256,
      version: '',
      sha256,
      size: 10,
      kind: 'raw',
      source: '',
      release: '',
      installedAt: now,
      allowed: [],
    })),
  }));
}

const five = generations(['e'], ['d'], ['c'], ['b'], ['a']);

test.each([
  ['count', { ...lavish, generations: 2 }, [5, 4]],
  ['age', { ...lavish, days: 2 }, [5, 4, 3]],
  ['space', { ...lavish, bytes: 30 }, [5, 4, 3]],
  ['nothing', lavish, [5, 4, 3, 2, 1]],
])('%s is a limit', (_, policy, kept) => {
  expect(retained(five, [], policy, now).map(({ number }) => number)).toEqual(kept);
});

test('the generation in force and what is needed stay whatever the limits', () => {
  expect(retained(five, [2], { generations: 0, days: 0, bytes: 0 }, now).map(({ number }) => number)).toEqual([5, 2]);
});

test('an image that several generations have counts once', () => {
  const shared = generations(['x', 'y'], ['x'], ['y'], ['x', 'y', 'z'], ['w']);

  expect(retained(shared, [], { ...lavish, bytes: 30 }, now).map(({ number }) => number)).toEqual([5, 4, 3, 2]);
});

test('a small old generation is not kept where a bigger newer one had to go', () => {
  const sets = generations(['a'], ['b', 'c'], ['d']);

  expect(retained(sets, [], { ...lavish, bytes: 20 }, now).map(({ number }) => number)).toEqual([3]);
});
