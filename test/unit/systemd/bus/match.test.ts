import { expect, test } from 'vitest';

import { isMeant, ownerChanges, ruleOf, type Signal } from '../../../../src/systemd/bus/match.ts';

const ticks = { sender: 'org.example.Clock', path: '/clock', interface: 'org.example.Clock', member: 'Tick' };
const tick: Signal = { ...ticks, sender: ':1.5', signature: 's', body: ['12'] };

test('a rule says all that is asked, and quotes it', () => {
  expect(ruleOf({ ...ticks, argument: "12 o'clock" })).toBe(
    "type='signal',sender='org.example.Clock',path='/clock',interface='org.example.Clock',member='Tick'," +
      String.raw`arg0='12 o'\''clock'`,
  );
  expect(ruleOf(ownerChanges('a.b'))).toContain("sender='org.freedesktop.DBus'");
});

test.each<[string, string | undefined, Partial<Signal>, string | undefined, boolean]>([
  ['the one that is asked for', ':1.5', {}, undefined, true],
  ['with the argument', ':1.5', {}, '12', true],
  ['with another argument', ':1.5', {}, '1', false],
  ['without arguments', ':1.5', { body: [] }, '12', false],
  ['of another sender', ':1.6', {}, undefined, false],
  ['while nobody owns the name', undefined, {}, undefined, false],
  ['that says the name itself', ':1.5', { sender: 'org.example.Clock' }, undefined, false],
  ['of another object', ':1.5', { path: '/watch' }, undefined, false],
  ['of another interface', ':1.5', { interface: 'org.example.Watch' }, undefined, false],
  ['of another name', ':1.5', { member: 'Tock' }, undefined, false],
])('a signal %s is meant or not', (_, owner, signal, argument, expected) => {
  const match = argument === undefined ? ticks : { ...ticks, argument };

  expect(isMeant(match, owner, { ...tick, ...signal })).toBe(expected);
});
