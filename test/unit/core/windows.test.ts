import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { days, isZone, windowAt, type Day, type MaintenanceWindow } from '../../../src/core/windows.ts';

const at = (time: string) => {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
};

const window = (from: string, to: string, zone = 'UTC', names: readonly Day[] = days): MaintenanceWindow => ({
  days: names,
  from: at(from),
  to: at(to),
  zone,
});

/** What holds at an instant, in a line. */
function state(windows: readonly MaintenanceWindow[], now: string, hostZone = 'UTC', share = 0): string {
  const found = windowAt(windows, new Date(now), { zone: () => hostZone, share: () => share });
  const text = (time: Date | undefined) => time?.toISOString().replace(/(:00)?\.000Z$/, 'Z') ?? 'ever';
  return found.open ? `open until ${text(found.until)}` : `closed until ${text(found.next)}`;
}

test('without windows there is no limit, and none that lasts all week has an end', () => {
  expect(state([], '2026-03-04T12:00Z')).toBe('open until ever');
  expect(state([window('00:00', '24:00')], '2026-03-04T12:00Z')).toBe('open until ever');
});

test('a host is asked only what matters: looking up its zone takes memory for good', () => {
  const asked: string[] = [];
  const answer = <T>(what: string, value: T) => {
    asked.push(what);
    return value;
  };
  const host = { zone: () => answer('zone', 'UTC'), share: () => answer('share', 0) };

  windowAt([], new Date(), host);
  expect(asked).toEqual([]);
  windowAt([window('01:00', '02:00')], new Date(), host);
  expect(asked).toEqual(['share']);
});

test('a window begins with its first minute and ends before its last one', () => {
  const nightly = [window('02:00', '04:30')];
  expect(state(nightly, '2026-03-04T01:59:59.999Z')).toBe('closed until 2026-03-04T02:00Z');
  expect(state(nightly, '2026-03-04T02:00Z')).toBe('open until 2026-03-04T04:30Z');
  expect(state(nightly, '2026-03-04T04:29:59.999Z')).toBe('open until 2026-03-04T04:30Z');
  expect(state(nightly, '2026-03-04T04:30Z')).toBe('closed until 2026-03-05T02:00Z');
});

test('days are those of its beginning, also where it passes midnight', () => {
  const friday = [window('22:00', '03:00', 'UTC', ['fri'])];
  expect(state(friday, '2026-03-06T21:00Z')).toBe('closed until 2026-03-06T22:00Z');
  expect(state(friday, '2026-03-06T23:30Z')).toBe('open until 2026-03-07T03:00Z');
  expect(state(friday, '2026-03-07T02:59Z')).toBe('open until 2026-03-07T03:00Z');
  expect(state(friday, '2026-03-07T22:30Z')).toBe('closed until 2026-03-13T22:00Z');
  expect(state(friday, '2026-03-06T02:00Z')).toBe('closed until 2026-03-06T22:00Z');
});

test('several windows are one where they meet', () => {
  const both = [window('20:00', '24:00', 'UTC', ['sat']), window('00:00', '06:00', 'UTC', ['sun'])];
  expect(state(both, '2026-03-07T21:00Z')).toBe('open until 2026-03-08T06:00Z');
  expect(state([window('01:00', '03:00'), window('02:00', '05:00')], '2026-03-07T01:30Z')).toBe(
    'open until 2026-03-07T05:00Z',
  );
});

test('the zone is that of the window, else that of the host', () => {
  const local = { days, from: at('02:00'), to: at('04:00') };
  expect(state([local], '2026-01-15T00:30Z', 'America/New_York')).toBe('closed until 2026-01-15T07:00Z');
  expect(state([{ ...local, zone: 'Europe/Berlin' }], '2026-01-15T00:30Z', 'America/New_York')).toBe(
    'closed until 2026-01-15T01:00Z',
  );
});

describe('where clocks are set forward', () => {
  test.each([
    // Berlin goes from 02:00 to 03:00 at 01:00 UTC.
    ['Europe/Berlin', '02:00', '02:30', '2026-03-28T23:00Z', 'closed until 2026-03-30T00:00Z'],
    ['Europe/Berlin', '02:30', '04:00', '2026-03-29T00:59Z', 'closed until 2026-03-29T01:00Z'],
    ['Europe/Berlin', '02:30', '04:00', '2026-03-29T01:00Z', 'open until 2026-03-29T02:00Z'],
    ['Europe/Berlin', '01:00', '02:30', '2026-03-29T00:00Z', 'open until 2026-03-29T01:00Z'],
    ['Europe/Berlin', '22:00', '06:00', '2026-03-28T22:00Z', 'open until 2026-03-29T04:00Z'],
    // New York goes from 02:00 to 03:00 at 07:00 UTC.
    ['America/New_York', '02:15', '02:45', '2026-03-08T06:30Z', 'closed until 2026-03-09T06:15Z'],
    ['America/New_York', '01:30', '03:30', '2026-03-08T06:30Z', 'open until 2026-03-08T07:30Z'],
    // In the south it is October: Sydney at 16:00 UTC of the day before.
    ['Australia/Sydney', '02:30', '04:00', '2026-10-03T15:59Z', 'closed until 2026-10-03T16:00Z'],
    // Lord Howe Island sets its clocks by half an hour, at 15:30 UTC.
    ['Australia/Lord_Howe', '02:00', '03:00', '2026-10-03T15:00Z', 'closed until 2026-10-03T15:30Z'],
    ['Australia/Lord_Howe', '02:00', '03:00', '2026-10-03T15:30Z', 'open until 2026-10-03T16:00Z'],
    // Beirut at midnight: this day has no 00:00.
    ['Asia/Beirut', '00:00', '00:30', '2026-03-28T21:00Z', 'closed until 2026-03-29T21:00Z'],
  ])('%s %s to %s at %s is %s', (zone, from, to, now, expected) => {
    expect(state([window(from, to, zone)], now)).toBe(expected);
  });

  test('a window of one day a week that is left out comes a week later', () => {
    const sunday = [window('02:00', '02:30', 'Europe/Berlin', ['sun'])];
    expect(state(sunday, '2026-03-28T12:00Z')).toBe('closed until 2026-04-05T00:00Z');
  });
});

describe('where clocks are set back', () => {
  test.each([
    // Berlin shows 02:00 to 03:00 twice: from 00:00 UTC and from 01:00 UTC.
    ['Europe/Berlin', '02:00', '02:30', '2026-10-25T00:10Z', 'open until 2026-10-25T00:30Z'],
    ['Europe/Berlin', '02:00', '02:30', '2026-10-25T00:40Z', 'closed until 2026-10-25T01:00Z'],
    ['Europe/Berlin', '02:00', '02:30', '2026-10-25T01:10Z', 'open until 2026-10-25T01:30Z'],
    ['Europe/Berlin', '02:30', '03:30', '2026-10-25T00:45Z', 'open until 2026-10-25T01:00Z'],
    ['Europe/Berlin', '02:30', '03:30', '2026-10-25T01:00Z', 'closed until 2026-10-25T01:30Z'],
    ['Europe/Berlin', '02:30', '03:30', '2026-10-25T01:30Z', 'open until 2026-10-25T02:30Z'],
    ['Europe/Berlin', '01:00', '04:00', '2026-10-25T00:30Z', 'open until 2026-10-25T03:00Z'],
    ['America/New_York', '01:00', '01:30', '2026-11-01T05:40Z', 'closed until 2026-11-01T06:00Z'],
    ['Australia/Sydney', '02:00', '03:00', '2026-04-04T15:30Z', 'open until 2026-04-04T17:00Z'],
    ['Australia/Lord_Howe', '01:30', '02:00', '2026-04-04T14:40Z', 'open until 2026-04-04T15:30Z'],
  ])('%s %s to %s at %s is %s', (zone, from, to, now, expected) => {
    expect(state([window(from, to, zone)], now)).toBe(expected);
  });
});

test.each([
  ['Asia/Kolkata', '2026-06-01T19:00Z', 'closed until 2026-06-01T20:30Z'],
  ['Asia/Kathmandu', '2026-06-01T19:00Z', 'closed until 2026-06-01T20:15Z'],
  ['America/St_Johns', '2026-06-01T04:00Z', 'closed until 2026-06-01T04:30Z'],
  ['Pacific/Chatham', '2026-06-01T13:00Z', 'closed until 2026-06-01T13:15Z'],
  ['Pacific/Kiritimati', '2026-06-01T11:30Z', 'closed until 2026-06-01T12:00Z'],
])('%s is no whole hour, or far from UTC', (zone, now, expected) => {
  expect(state([window('02:00', '04:00', zone)], now)).toBe(expected);
});

test('what is told holds until then, and no longer', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Santiago', 'UTC'];
  const windows = fc.record({
    days: fc.subarray([...days], { minLength: 1 }),
    from: fc.nat(1439),
    to: fc.integer({ min: 1, max: 1440 }),
    zone: fc.constantFrom(...zones),
  });
  const valid = fc.array(
    windows.filter(({ from, to }) => from !== to),
    { minLength: 1, maxLength: 3 },
  );
  const instants = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
  const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const seen = { open: 0, closed: 0 };
  fc.assert(
    fc.property(valid, instants, fractions, fractions, (list, now, part, share) => {
      const host = { zone: () => 'UTC', share: () => share };
      const { open, ...found } = windowAt(list, now, host);
      seen[open ? 'open' : 'closed']++;
      const turn = 'next' in found ? found.next : 'until' in found ? found.until : undefined;
      if (turn === undefined) return;
      const opened = (time: number) => windowAt(list, new Date(time), host).open;
      const between = now.getTime() + Math.floor((turn.getTime() - now.getTime() - 1) * part);
      expect([opened(between), opened(turn.getTime() - 1), opened(turn.getTime())]).toEqual([open, open, !open]);
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.open, seen.closed)).toBeGreaterThan(20);
});

describe('hosts with the same windows begin one after the other', () => {
  const nightly = window('22:00', '04:00');

  test.each([
    [0, '2026-03-04T22:00Z'],
    [0.5, '2026-03-04T22:30Z'],
    [0.999_999, '2026-03-04T22:59:59.996Z'],
  ])('one at %d', (share, opens) => {
    expect(state([nightly], '2026-03-04T21:00Z', 'UTC', share)).toBe(`closed until ${opens}`);
    expect(state([nightly], '2026-03-04T23:00Z', 'UTC', share)).toBe('open until 2026-03-05T04:00Z');
  });

  test('within a quarter of a short window, or as it is said', () => {
    expect(state([window('02:00', '02:40')], '2026-03-04T01:00Z', 'UTC', 0.5)).toBe('closed until 2026-03-04T02:05Z');
    const said = (spread: number) => state([{ ...nightly, spread }], '2026-03-04T21:00Z', 'UTC', 0.5);
    expect([0, 4 * 3_600_000].map(said)).toEqual(['closed until 2026-03-04T22:00Z', 'closed until 2026-03-05T00:00Z']);
  });

  test('but what was open before stays open', () => {
    const weekend = [window('00:00', '24:00', 'UTC', ['sat', 'sun'])];
    expect(state(weekend, '2026-03-06T12:00Z', 'UTC', 0.5)).toBe('closed until 2026-03-07T00:30Z');
    expect(state(weekend, '2026-03-07T12:00Z', 'UTC', 0.5)).toBe('open until 2026-03-09T00:00Z');
    expect(state([window('00:00', '24:00')], '2026-03-04T00:00Z', 'UTC', 0.5)).toBe('open until ever');
  });
});

test('a zone is a place that the database knows', () => {
  expect(['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires'].map(isZone)).toEqual([true, true, true]);
  expect(['Europe/Berlinn', '', '+02:00', 'CEST2'].map(isZone)).toEqual([false, false, false, false]);
});
