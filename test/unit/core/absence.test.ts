import { describe, expect, test } from 'vitest';

import { begun, ended, holderNames, parseAbsence, renderAbsence, type Absence } from '../../../src/core/absence.ts';

const [early, now] = [new Date('2026-11-25T09:00:00Z'), new Date('2026-11-25T10:00:00Z')];
const apt = { manager: 'apt', pid: 10, startedAt: '100' };
const dpkg = { manager: 'dpkg', pid: 11, startedAt: '110' };
const absence: Absence = { since: early, merged: ['a'], holders: [apt] };

const alive = () => true;
const dead = () => false;

describe('when a package manager begins', () => {
  test('what is merged is remembered with it', () => {
    const beginning = { absence: undefined, holder: apt, merged: ['a', 'b'], now, isAlive: alive };

    expect(begun(beginning)).toEqual({ since: now, merged: ['a', 'b'], holders: [apt] });
  });

  test('where nothing is merged nothing is remembered', () => {
    expect(begun({ absence: undefined, holder: apt, merged: [], now, isAlive: alive })).toBeUndefined();
  });

  test('where nothing is merged and nothing must be meanwhile, it is remembered alone', () => {
    const beginning = { absence: undefined, holder: dpkg, merged: [], always: true, now, isAlive: alive };

    expect(begun(beginning)).toEqual({ since: now, merged: [], holders: [dpkg] });
  });

  test('one that another one runs is added, and the same one is not added twice', () => {
    expect(begun({ absence, holder: dpkg, merged: [], now, isAlive: alive })).toEqual({
      ...absence,
      holders: [apt, dpkg],
    });
    expect(begun({ absence, holder: apt, merged: [], now, isAlive: alive })).toEqual(absence);
  });

  test('after one that was killed, what was merged before it comes back at the end of this one', () => {
    expect(begun({ absence, holder: dpkg, merged: [], now, isAlive: dead })).toEqual({ ...absence, holders: [dpkg] });
  });

  test('what was merged since by other means counts, and the time from when none was at work', () => {
    expect(begun({ absence, holder: dpkg, merged: ['b'], now, isAlive: alive })?.since).toEqual(early);
    expect(begun({ absence, holder: dpkg, merged: ['b'], now, isAlive: dead })).toEqual({
      since: now,
      merged: ['b'],
      holders: [dpkg],
    });
  });
});

describe('when a package manager has ended', () => {
  test('it waits for the one that runs it', () => {
    const both = { ...absence, holders: [apt, dpkg] };

    expect(ended(both, dpkg, alive).holders).toEqual([apt]);
    expect(ended(both, apt, alive).holders).toEqual([dpkg]);
  });

  test('nobody is waited for who was killed, nor for a later process with the same number', () => {
    expect(ended({ ...absence, holders: [apt, dpkg] }, dpkg, dead).holders).toEqual([]);
    expect(ended(absence, { ...apt, startedAt: '200' }, alive).holders).toEqual([apt]);
  });

  test('one whose process is gone ends what is dead', () => {
    expect(ended(absence, undefined, dead).holders).toEqual([]);
  });
});

describe('the file', () => {
  test('tells what was written', () => {
    expect(parseAbsence(renderAbsence(absence))).toEqual(absence);
  });

  test.each(['', 'x', 'null', '[]', '{}', '{"since":"x","merged":[],"holders":[]}', '{"since":1,"merged":1}'])(
    'is none: %s',
    (text) => {
      expect(parseAbsence(text)).toBeUndefined();
    },
  );

  test('of which only what is right is taken', () => {
    const text = '{"since":"2026-11-25T09:00:00Z","merged":["a",1],"holders":[{"pid":1},null]}';

    expect(parseAbsence(text)).toEqual({ since: early, merged: ['a'], holders: [] });
  });
});

test('package managers are named with their processes', () => {
  expect(holderNames([apt, dpkg])).toBe('apt (process 10), dpkg (process 11)');
});
