import { describe, expect, test } from 'vitest';

import { Loop, type LoopState, type Outcome } from '../../../../src/agent/daemon/loop.ts';
import { AgentError } from '../../../../src/core/errors.ts';
import { settled, standingClock } from '../../../support/clock.ts';

type Work = (signal: AbortSignal) => Promise<Outcome>;

const well: Work = () => Promise.resolve({ mayPass: false });

function running(work: Work = well) {
  const standing = standingClock();
  let set = 0;
  const clock = { ...standing, now: () => new Date(standing.now().getTime() + set) };
  const stop = new AbortController();
  const passes: string[][] = [];
  const states: LoopState[] = [];
  const failures: unknown[] = [];
  let current = work;
  const loop = new Loop({
    clock,
    random: () => 1,
    reconcile: (signal, reasons) => {
      passes.push([...reasons]);
      return current(signal);
    },
    failed: (error) => failures.push(error),
    changed: (state) => states.push(state),
  });
  const ended = loop.run(stop.signal);
  return {
    move: clock.move,
    /** Sets the time of day, which moves no timer. */
    setClock: (milliseconds: number) => {
      set += milliseconds;
    },
    timers: clock.sleeping,
    loop,
    stop: async () => {
      stop.abort();
      await ended;
    },
    passes,
    states,
    failures,
    then: (next: Work) => {
      current = next;
    },
  };
}

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  return {
    work: () => promise,
    end: () => {
      resolve({ mayPass: false });
    },
  };
}

describe('the loop', () => {
  test('reconciles once for all that calls before it begins, and once more for all that calls meanwhile', async () => {
    const first = held();
    const { loop, passes, then, stop } = running(first.work);
    loop.poke('start');
    loop.poke('files');
    await settled();
    for (let count = 0; count < 500; count++) loop.poke('files');
    loop.poke('SIGHUP');
    await settled();
    expect(passes).toEqual([['start', 'files']]);

    then(well);
    first.end();
    await settled();
    expect(passes).toEqual([
      ['start', 'files'],
      ['files', 'SIGHUP'],
    ]);
    await stop();
  });

  test('waits without a timer where all is well', async () => {
    const { loop, timers, states, stop } = running();
    loop.poke('start');
    await settled();

    expect({ timers: timers(), last: states.at(-1) }).toEqual({ timers: 0, last: { kind: 'idle' } });
    await stop();
  });

  test('tries again what failed or may pass, later each time, until it is well', async () => {
    const { loop, passes, failures, states, timers, move, then, stop } = running(() =>
      Promise.reject(new AgentError('network', 'no')),
    );
    loop.poke('start');
    await settled();
    expect(states.at(-1)).toEqual({ kind: 'waiting', until: new Date(2000), failed: true });
    move(1999);
    await settled();
    expect(passes).toHaveLength(1);
    then(() => Promise.resolve({ mayPass: true }));
    move(1);
    await settled();
    expect(passes).toEqual([['start'], ['retry']]);
    expect(states.at(-1)).toEqual({ kind: 'waiting', until: new Date(6000), failed: true });

    then(well);
    move(4000);
    await settled();
    expect({ passes: passes.length, failures: failures.length, timers: timers() }).toEqual({
      passes: 3,
      failures: 1,
      timers: 0,
    });
    await stop();
  });

  describe('looks again at the time that a pass named', () => {
    const minute = 60_000;
    const untilNine: Work = () => Promise.resolve({ mayPass: false, again: new Date(9 * minute) });

    test('and not before, with one timer', async () => {
      const { loop, passes, states, timers, move, then, stop } = running(untilNine);
      loop.poke('start');
      await settled();
      expect(states.at(-1)).toEqual({ kind: 'waiting', until: new Date(9 * minute), failed: false });

      then(well);
      move(5 * minute);
      await settled();
      move(4 * minute - 1);
      await settled();
      expect({ passes: passes.length, timers: timers() }).toEqual({ passes: 1, timers: 1 });
      move(1);
      await settled();
      expect(passes).toEqual([['start'], ['it was time']]);
      expect({ last: states.at(-1), timers: timers() }).toEqual({ last: { kind: 'idle' }, timers: 0 });
      await stop();
    });

    test('also where the clock is set: forward at most five minutes late, back not before', async () => {
      const forward = running(untilNine);
      forward.loop.poke('start');
      await settled();
      forward.setClock(60 * minute);
      forward.then(well);
      forward.move(5 * minute);
      await settled();
      expect(forward.passes).toHaveLength(2);
      await forward.stop();

      const back = running(untilNine);
      back.loop.poke('start');
      await settled();
      back.setClock(-2 * minute);
      back.then(well);
      back.move(5 * minute);
      await settled();
      back.move(5 * minute);
      await settled();
      expect({ passes: back.passes.length, timers: back.timers() }).toEqual({ passes: 1, timers: 1 });
      back.move(minute);
      await settled();
      expect(back.passes).toHaveLength(2);
      await back.stop();
    });

    test('or earlier, where something else is tried again before', async () => {
      const { loop, passes, move, then, stop } = running(() =>
        Promise.resolve({ mayPass: true, again: new Date(9 * minute) }),
      );
      loop.poke('start');
      await settled();
      then(untilNine);
      move(2000);
      await settled();
      expect(passes).toEqual([['start'], ['retry']]);
      await stop();
    });
  });

  test('does not wait any longer when someone calls', async () => {
    const { loop, passes, then, timers, states, stop } = running(() => Promise.resolve({ mayPass: true }));
    loop.poke('start');
    await settled();
    then(well);
    loop.poke('files');
    await settled();

    expect({ passes, timers: timers(), last: states.at(-1) }).toEqual({
      passes: [['start'], ['files']],
      timers: 0,
      last: { kind: 'idle' },
    });
    await stop();
  });

  test('ends in mid-work: the work hears it, and its end is waited for', async () => {
    const order: string[] = [];
    const { loop, failures, stop } = running(
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            setImmediate(() => {
              order.push('undone');
              reject(new AgentError('interrupted', 'interrupted'));
            });
          });
        }),
    );
    loop.poke('start');
    await settled();
    await stop();
    order.push('ended');

    expect({ order, failures }).toEqual({ order: ['undone', 'ended'], failures: [] });
  });
});

describe('a task', () => {
  test('is done alone, in its turn, before reconciling', async () => {
    const first = held();
    const { loop, passes, states, stop } = running();
    const done: string[] = [];
    const a = loop.submit('install a', async () => {
      await first.work();
      done.push('a');
      return 'A';
    });
    const b = loop.submit('install b', () => {
      done.push('b');
      return Promise.reject(new AgentError('busy', 'no'));
    });
    b.result.catch(() => undefined);
    loop.poke('files');
    await settled();
    expect({ done, passes, state: states.at(-1) }).toEqual({
      done: [],
      passes: [],
      state: { kind: 'working', what: 'install a' },
    });

    first.end();
    await expect(a.result).resolves.toBe('A');
    await expect(b.result).rejects.toMatchObject({ code: 'busy' });
    await settled();
    expect({ done, passes }).toEqual({ done: ['a', 'b'], passes: [['files']] });
    await stop();
  });

  test('can be cancelled, before it begins and in mid-work', async () => {
    const { loop, stop } = running();
    const running1 = loop.submit(
      'install a',
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new AgentError('interrupted', 'undone'));
          });
        }),
    );
    const waiting = loop.submit('install b', () => Promise.resolve('B'));
    waiting.cancel();
    await expect(waiting.result).rejects.toMatchObject({
      code: 'interrupted',
      message: 'install b was cancelled before it began',
    });
    await settled();
    running1.cancel();
    await expect(running1.result).rejects.toMatchObject({ code: 'interrupted', message: 'undone' });
    await expect(loop.submit('install c', () => Promise.resolve('C')).result).resolves.toBe('C');
    await stop();
  });

  test('that has not begun when the loop ends fails', async () => {
    const { loop, stop } = running();
    const first = loop.submit(
      'a',
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve('undone');
          });
        }),
    );
    const second = loop.submit('b', () => Promise.resolve('B'));
    second.result.catch(() => undefined);
    await settled();
    await stop();

    await expect(first.result).resolves.toBe('undone');
    await expect(second.result).rejects.toMatchObject({ code: 'interrupted' });
  });
});
