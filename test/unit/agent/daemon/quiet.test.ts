import { expect, test } from 'vitest';

import { Quiet } from '../../../../src/agent/daemon/quiet.ts';
import { settled, standingClock } from '../../../support/clock.ts';

function watched() {
  const clock = standingClock();
  const events: number[] = [];
  const quiet = new Quiet(clock, { after: 200, atMost: 2000 }, () => events.push(clock.monotonic()));
  /** Time passes, with a change every so often. */
  const changing = async (milliseconds: number, every: number) => {
    for (let passed = 0; passed < milliseconds; passed += every) {
      quiet.note();
      clock.move(every);
      await settled();
    }
  };
  return { move: clock.move, timers: clock.sleeping, quiet, events, changing };
}

test('five hundred changes are one event, when they have come to rest', async () => {
  const { events, quiet, move, timers } = watched();
  for (let count = 0; count < 500; count++) quiet.note();
  expect(timers()).toBe(1);
  move(199);
  await settled();
  expect(events).toEqual([]);
  move(1);
  await settled();
  expect({ events, timers: timers() }).toEqual({ events: [200], timers: 0 });
});

test('each change begins the wait anew, but not for ever', async () => {
  const { events, changing, move } = watched();
  await changing(900, 100);
  expect(events).toEqual([]);
  move(100);
  await settled();
  expect(events).toEqual([1000]);

  await changing(4000, 100);
  expect(events).toEqual([1000, 3000, 5000]);
});

test('nothing comes after its end', async () => {
  const { events, quiet, move, timers } = watched();
  quiet.note();
  quiet[Symbol.dispose]();
  move(300);
  await settled();
  quiet.note();
  expect({ events, timers: timers() }).toEqual({ events: [], timers: 0 });
});
