import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Change } from '../../sim/host.ts';
import { simulate, usualScenario, type Scenario, type Simulated } from '../../sim/simulation.ts';

const small: Scenario = { ...usualScenario, hosts: 200, sites: 3, waves: [10, 30, 60], slots: 5 };

/** Of every fleet; what went wrong is to be seen in it within few hosts. */
const scenarios = fc
  .record({
    hosts: fc.integer({ min: 20, max: 60 }),
    seed: fc.nat(),
    sites: fc.integer({ min: 1, max: 5 }),
    slots: fc.integer({ min: 1, max: 20 }),
    windowSpread: fc.constantFrom(0, 5),
    badPercent: fc.integer({ min: 0, max: 60 }),
    lostPercent: fc.integer({ min: 0, max: 40 }),
    alertMinutes: fc.constantFrom(1, 10, 600),
  })
  .map((some): Scenario => ({ ...small, ...some }));

/** The most changes that were under way at once; those of hosts that went away never end. */
function mostAtOnce(changes: readonly Change[]): number {
  const turns = changes.flatMap(({ begin, end, outcome }) => [
    { time: begin, step: 1 },
    ...(outcome === 'lost' ? [] : [{ time: end, step: -1 }]),
  ]);
  let [now, most] = [0, 0];
  for (const { step } of turns.sort((a, b) => a.time - b.time || a.step - b.step)) most = Math.max(most, (now += step));
  return most;
}

/** In minutes of the day, by the clock of UTC. */
function isWithinWindow({ host, begin }: Change): boolean {
  const minutes = (begin / 60_000) % 1440;
  return host.calendar.windows.some(({ from, to }) => minutes >= from || minutes < to);
}

const laws: Readonly<Record<string, (result: Simulated) => boolean>> = {
  'no change begins outside of the window of its host': ({ changes }) => changes.every(isWithinWindow),
  'no more hosts change at once than there are slots': ({ changes, scenario }) => mostAtOnce(changes) <= scenario.slots,
  'a slot that is not given back is that of a host that went away': ({ changes, slots }) =>
    slots.taken === changes.filter(({ outcome }) => outcome === 'lost').length,
  'a version that was stopped reaches no later wave': ({ changes, moves }) => {
    const stopped = moves.find(({ what }) => what === 'stop')?.wave ?? Infinity;
    return changes.every(({ to, host }) => to !== '37.0.2' || host.wave <= stopped);
  },
  'no host tries an image again that it was not well with': ({ changes }) => {
    const failed = changes.filter(({ outcome }) => outcome === 'rolled-back').map(({ host, to }) => `${host.id} ${to}`);
    return new Set(failed).size === failed.length;
  },
  'caches take work off a registry': ({ registry, quiet, rollout }) => {
    const [alone, behind] = [registry.alone, registry.behindCaches].map((server) =>
      server.between(quiet.begin, rollout.end),
    );
    return (
      alone !== undefined && behind !== undefined && behind.requests < alone.requests && behind.bytes <= alone.bytes
    );
  },
};

test('the laws of every fleet', async () => {
  const seen = { changes: 0, stops: 0, lost: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const result = await simulate(scenario);
      seen.changes += result.changes.length;
      seen.stops += result.moves.filter(({ what }) => what === 'stop').length;
      seen.lost += result.slots.taken;
      seen.refused += result.slots.refused;
      expect(Object.keys(laws).filter((law) => laws[law]?.(result) !== true)).toEqual([]);
    }),
    { numRuns: 20 },
  );

  expect(Object.values(seen).every((count) => count > 0)).toBe(true);
});

test('a bad image is caught in wave one, and the fixed one comes to every host', async () => {
  const { moves, changes, end } = await simulate({ ...small, badPercent: 40 });
  const rolledBack = changes.filter(({ outcome }) => outcome === 'rolled-back');

  expect(moves.map(({ what, wave, version }) => `${what} ${wave} ${version}`)).toEqual([
    'wave 0 37.0.2',
    'stop 0 37.0.1',
    'wave 0 37.0.3',
    'wave 1 37.0.3',
    'wave 2 37.0.3',
  ]);
  expect(rolledBack.length).toBeGreaterThan(0);
  expect(new Set(rolledBack.map(({ host }) => host.wave))).toEqual(new Set([0]));
  expect(end).toEqual({ '37.0.3': small.hosts });
});

test('hosts that go away with their slots stop everyone else', async () => {
  const { changes, slots, end } = await simulate({ ...small, badPercent: 0, lostPercent: 100, slots: 4 });

  expect(changes.map(({ outcome }) => outcome)).toEqual(['lost', 'lost', 'lost', 'lost']);
  expect(slots.taken).toBe(4);
  expect(end).toEqual({ '37.0.1': small.hosts - 4, lost: 4 });
});

test('a good image needs no second one', async () => {
  const { moves, end } = await simulate({ ...small, badPercent: 0 });

  expect(moves.map(({ what, wave }) => `${what} ${wave}`)).toEqual(['wave 0', 'wave 1', 'wave 2']);
  expect(end).toEqual({ '37.0.2': small.hosts });
});

test('waves that are not all hosts, and windows that would begin on the next day, are refused', async () => {
  await expect(simulate({ ...small, waves: [10, 20] })).rejects.toThrow('not all hosts');
  await expect(simulate({ ...small, windowSpread: 121 })).rejects.toThrow('120 minutes');
});

test('the same scenario gives the same numbers, another seed others', async () => {
  const seen = async (seed: number) => {
    const { changes, registry, rollout } = await simulate({ ...small, seed });
    return { changes: changes.map(({ begin }) => begin), load: registry.alone.between(rollout.begin, rollout.end) };
  };

  expect(await seen(1)).toEqual(await seen(1));
  expect(await seen(1)).not.toEqual(await seen(2));
});
