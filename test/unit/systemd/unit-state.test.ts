import { expect, test } from 'vitest';

import type { LimitedExec } from '../../../src/host/limited-run.ts';
import { settledState } from '../../../src/systemd/unit-state.ts';
import { standingClock } from '../../support/clock.ts';

/** A manager that says these states of a unit, one at each look, and then the last one for ever. */
function saying(...states: readonly string[]): LimitedExec & { looks(): number } {
  let looks = 0;
  return {
    looks: () => looks,
    runLimited: () => {
      const state = states[Math.min(looks++, states.length - 1)] ?? '';
      return Promise.resolve({
        exitCode: 0,
        output: `Id=a.service\nResult=exit-code\nActiveState=${state}\nLoadState=loaded\n`,
      });
    },
  };
}

test('a unit that is not under way is what it is at the first look', async () => {
  const exec = saying('failed');

  expect(await settledState(exec, 'a.service', { timeout: 1000, clock: standingClock() })).toMatchObject({
    names: ['a.service'],
    load: 'loaded',
    active: 'failed',
    result: 'exit-code',
  });
  expect(exec.looks()).toBe(1);
});

test('one that is starting is waited for', async () => {
  const clock = standingClock();

  const settled = settledState(saying('deactivating', 'activating', 'active'), 'a.service', { timeout: 1000, clock });
  await clock.pass(250);
  await clock.pass(250);

  expect(await settled).toMatchObject({ active: 'active' });
});

test('but not for ever', async () => {
  const clock = standingClock();
  const exec = saying('activating');

  const settled = settledState(exec, 'a.service', { timeout: 600, clock });
  await clock.pass(250);
  await clock.pass(250);
  await clock.pass(100);

  expect(await settled).toMatchObject({ active: 'activating' });
  expect(exec.looks()).toBe(4);
});

test('a manager that says nothing knows nothing', async () => {
  const silent: LimitedExec = { runLimited: () => Promise.resolve({ exitCode: undefined, output: '' }) };

  expect(await settledState(silent, 'a.service', { timeout: 600, clock: standingClock() })).toBeUndefined();
});
