import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Events } from '../../sim/events.ts';
import { scenarioOf } from '../../sim/options.ts';
import { hashBelow, randomNumbers } from '../../sim/random.ts';
import { Registry } from '../../sim/registry.ts';
import { verdictOn, waveOf } from '../../sim/rollout.ts';
import { usualScenario } from '../../sim/simulation.ts';
import { Slots } from '../../sim/slots.ts';
import { spreadOfTimer } from '../../sim/timer.ts';
import { Traffic } from '../../sim/traffic.ts';
import { wishFor } from '../../sim/wish.ts';

test('everything happens in the order of time, and of planning at the same time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const events = new Events(0);
      const happened: (readonly [number, number])[] = [];
      for (const [index, time] of times.entries()) events.at(time, () => happened.push([events.now, index]));
      events.run(() => false);

      const planned = times.map((time, index) => [time, index] as const);
      expect(happened).toEqual(planned.sort(([a, first], [b, second]) => a - b || first - second));
    }),
  );
});

test('a process waits as long as it says, beside others', () => {
  const events = new Events(100);
  const ends: string[] = [];
  function* process(wait: number): Generator<number, string> {
    yield wait;
    yield wait;
    return `${wait} at ${events.now}`;
  }
  for (const wait of [30, 10]) events.follow(process(wait), (result) => ends.push(result));
  events.run(() => false);

  expect(ends).toEqual(['10 at 120', '30 at 160']);
});

test('random numbers follow from the seed and are spread evenly', () => {
  const some = (seed: number) => Array.from({ length: 10_000 }, randomNumbers(seed));

  expect(some(1)).toEqual(some(1));
  expect(some(1)).not.toEqual(some(2));
  expect(some(1).every((number) => number >= 0 && number < 1)).toBe(true);
  expect(some(1).reduce((sum, number) => sum + number, 0) / 10_000).toBeCloseTo(0.5, 1);
});

test('a hash is what sha256sum gives', () => {
  // printf 0123456789abcdef0123456789abcdef | sha256sum begins with 3eb1bd43.
  expect(hashBelow(2 ** 32, '0123456789abcdef0123456789abcdef')).toBe(0x3eb1bd43);
});

test('waves are as large as their shares, and together all hosts', () => {
  const buckets = Array.from({ length: 100 }, (_, bucket) => waveOf(bucket, [1, 9, 90]));

  expect([0, 1, 2].map((wave) => buckets.filter((one) => one === wave).length)).toEqual([1, 9, 90]);
  expect(() => waveOf(99, [1, 9])).toThrow('not all hosts');
});

test('a wave is waited for, and more failures than are tolerated stop it', () => {
  const verdict = (well: number, rolledBack: number, lost = 0) =>
    verdictOn({ hosts: 100, ended: { well, 'rolled-back': rolledBack, lost } }, 0.02);

  expect(verdict(97, 2)).toBe('wait');
  expect(verdict(98, 2)).toBe('go on');
  expect(verdict(0, 2, 1)).toBe('stop');
});

test('slots are for so many at a time, and may be asked for and given back twice', () => {
  const slots = new Slots(1);

  expect([slots.take('a'), slots.take('a'), slots.take('b')]).toEqual([true, true, false]);
  slots.giveBack('a');
  slots.giveBack('a');
  expect(slots.take('b')).toBe(true);
  expect([slots.asked, slots.refused, slots.taken]).toEqual([4, 1, 1]);
});

test('the load of a server is told second by second', () => {
  const traffic = new Traffic();
  traffic.ask(500, 3);
  traffic.ask(999, 2);
  traffic.ask(3_600_000, 7);
  traffic.send(1000, 1500, 20);

  expect(traffic.between(0, 3_600_000)).toEqual({
    requests: 5,
    peakRequests: 5,
    hourlyRequests: 5 / 3600,
    bytes: 20,
    peakBytes: 10,
  });
  expect(traffic.between(3_600_000, 3_601_000)).toMatchObject({ requests: 7, bytes: 0 });
});

test('a cache fetches an image once, and passes it on to who comes before it is there', () => {
  const registry = new Registry({ sites: 2, imageBytes: 1000, hostBits: 8000, signed: 'all' });
  for (const [site, time] of [
    [0, 0],
    [0, 999],
    [0, 1000],
    [1, 1000],
  ] as const) {
    registry.fetch(site, '1', time);
  }
  const all = (traffic: Traffic) => traffic.between(0, 10_000);

  expect(all(registry.alone)).toMatchObject({ requests: 4, bytes: 4000 });
  expect(all(registry.behindCaches)).toMatchObject({ requests: 3, bytes: 3000 });
  expect(registry.caches.map((cache) => all(cache).bytes)).toEqual([3000, 1000]);
});

test('a drop-in is understood as the agent does', async () => {
  const wish = await wishFor('37.*', ['37.0.9', '37.0.10', '38.0.0']);

  expect(wish.newest).toBe('37.0.10');
  expect(['37.0.9', '38.0.0'].map((version) => wish.replaces(version))).toEqual([false, true]);
});

test('the timer is the one of the package', () => {
  expect(spreadOfTimer()).toBe(6 * 3_600_000);
  expect(() => spreadOfTimer('[Timer]\nOnCalendar=hourly\n')).toThrow('another one');
});

test('a command line changes numbers of the usual scenario, and nothing else', () => {
  expect(scenarioOf([])).toEqual(usualScenario);
  expect(scenarioOf(['--hosts=7', '--waves=50,50', '--signed=all'])).toEqual({
    ...usualScenario,
    hosts: 7,
    waves: [50, 50],
    signed: 'all',
  });
  expect(() => scenarioOf(['--hosts=-1'])).toThrow('--hosts takes a number');
  expect(() => scenarioOf(['--hots=1'])).toThrow('--hots');
});
