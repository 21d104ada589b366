import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { planLayers } from '../../../../src/builder/making/stack.ts';

describe('the layers of steps', () => {
  test.each([
    [0, 0, 3, 10, { reused: 'all', sizes: [1, 1, 1] }],
    [2, 2, 3, 10, { reused: 'all', sizes: [1] }],
    [3, 3, 3, 10, { reused: 'all', sizes: [] }],
    [0, 0, 12, 10, { reused: 'all', sizes: [7, 1, 1, 1, 1, 1] }],
    [8, 8, 12, 10, { reused: 'all', sizes: [3, 1] }],
    [6, 12, 13, 10, { reused: 'all', sizes: [1] }],
    [10, 16, 17, 10, { reused: 'none', sizes: [12, 1, 1, 1, 1, 1] }],
  ])('where %i are kept of %i steps, of %i steps, at most %i layers', (kept, keptSteps, steps, most, expected) => {
    expect(planLayers(kept, keptSteps, steps, most)).toEqual(expected);
  });

  test('are of all steps that are left, and never too many', () => {
    const counts = fc.record({
      kept: fc.integer({ min: 0, max: 40 }),
      more: fc.integer({ min: 0, max: 400 }),
      shared: fc.integer({ min: 0, max: 50 }),
      most: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(counts, ({ kept, more, shared, most }) => {
        fc.pre(kept <= most);
        const keptSteps = kept === 0 ? 0 : kept + shared;
        const steps = keptSteps + more;
        const { reused, sizes } = planLayers(kept, keptSteps, steps, most);
        const before = reused === 'all' ? { layers: kept, steps: keptSteps } : { layers: 0, steps: 0 };
        expect(before.layers + sizes.length).toBeLessThanOrEqual(most);
        expect(before.steps + sizes.reduce((sum, size) => sum + size, 0)).toBe(steps);
        expect(sizes.every((size) => size >= 1)).toBe(true);
      }),
    );
  });
});
