/** The days of a week, as systemd.time(7) abbreviates them; in the order of Date. */
export const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

export type Day = (typeof days)[number];

/** Some time of some days in which changes may be made that nobody asked for at that moment. */
export interface MaintenanceWindow {
  /** The days on which it begins. */
  readonly days: readonly Day[];
  /** In minutes since midnight, by the clock on the wall. */
  readonly from: number;
  /** The same; where it is not later than `from`, it is on the next day. */
  readonly to: number;
  /** Over which time hosts spread its beginning, in milliseconds; left out, a quarter of it, at most an hour. */
  readonly spread?: number;
  /** Where that clock hangs, by its name in the IANA database; left out, where the host is. */
  readonly zone?: string;
}

/** Whether a window is open, and until when it stays so. */
export type WindowState =
  /** `until` is left out where no end can be seen. */
  | { readonly open: true; readonly until?: Date }
  | { readonly open: false; readonly reason: string; readonly next: Date };

/** What of a host decides when windows are open to it: functions, since finding out is dear and seldom needed. */
export interface WindowHost {
  /** The zone of windows that name none: looking one up takes 5 MiB of memory for good. */
  zone(): string;
  /** Its place among others, from 0 up to 1: those with the same windows begin one after the other. */
  share(): number;
}

/**
 * Whether changes may be made at some time. A window is open at every instant at which the clock on the wall of its zone
 * shows a time in it: what that clock leaves out when it is set forward is no part of it, and what it shows twice when it
 * is set back is so both times. Without windows there is no limit.
 * A host waits for its part of the spread of a window before that is open to it, unless another one was open before.
 */
export function windowAt(windows: readonly MaintenanceWindow[], now: Date, host: WindowHost): WindowState {
  if (windows.length === 0) return { open: true };
  const share = host.share();
  const clocked = windows.map((window) => {
    return { window, wall: wallClock(window.zone ?? host.zone()), late: Math.floor(share * spreadOf(window)) };
  });
  const isAny = (time: number) => clocked.some(({ window, wall }) => isWithin(window, wall(time)));
  const isOpen = (time: number) =>
    clocked.some(({ window, wall, late }) => isWithin(window, wall(time)) && (late === 0 || isAny(time - late)));
  const start = now.getTime();
  const open = isOpen(start);
  const times = clocked.flatMap(({ window, wall }) => possibleTurns(window, wall, start));
  const turns = new Set([0, ...clocked.map(({ late }) => late)].flatMap((late) => times.map((time) => time + late)));
  const turn = [...turns].sort((a, b) => a - b).find((time) => time > start && isOpen(time) !== open);
  if (open) return { open, ...(turn === undefined ? {} : { until: new Date(turn) }) };
  return { open, reason: 'no maintenance window is open', next: new Date(turn ?? start + horizon * day) };
}

/** What the clock on the wall shows at an instant, as if it hung in UTC; both in milliseconds. */
type WallClock = (time: number) => number;

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000] as const;

/** How many days are looked at: what is left out of a window when clocks are set forward is there a week later. */
const horizon = 15;

const longestSpread = hour;

/** How long a window is in minutes, as the clock on the wall shows it. */
export function lengthOf({ from, to }: Pick<MaintenanceWindow, 'from' | 'to'>): number {
  return from < to ? to - from : to - from + day / minute;
}

function spreadOf(window: MaintenanceWindow): number {
  return window.spread ?? Math.min(longestSpread, (lengthOf(window) * minute) / 4);
}

function isWithin({ days: names, from, to }: MaintenanceWindow, wall: number): boolean {
  const begins = (time: number) => names.some((name) => days.indexOf(name) === new Date(time).getUTCDay());
  const time = (wall - startOfDay(wall)) / minute;
  if (from < to) return begins(wall) && time >= from && time < to;
  return (begins(wall) && time >= from) || (begins(wall - day) && time < to);
}

function startOfDay(wall: number): number {
  return Math.floor(wall / day) * day;
}

/** Every instant at which the window can open or close: when the wall shows its times, and when clocks are set. */
function possibleTurns({ from, to }: MaintenanceWindow, wall: WallClock, start: number): number[] {
  const offset = (time: number) => wall(time) - time;
  const instants = Array.from({ length: horizon + 1 }, (_, index) => start + index * day);
  const settings = instants.flatMap((instant, index) => {
    const next = instants[index + 1];
    return next === undefined || offset(instant) === offset(next) ? [] : [settingBetween(offset, instant, next)];
  });
  const offsets = [...new Set(instants.map(offset))];
  const first = startOfDay(wall(start)) - day;
  const shown = Array.from({ length: horizon + 2 }, (_, index) =>
    [from, to].map((time) => first + index * day + time * minute),
  ).flat();
  return [...settings, ...shown.flatMap((time) => offsets.map((one) => time - one))];
}

/** The first instant after clocks were set, once between the two. */
function settingBetween(offset: (time: number) => number, before: number, after: number): number {
  let [low, high] = [before, after];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle) === offset(before)) low = middle;
    else high = middle;
  }
  return high;
}

function wallClock(zone: string): WallClock {
  if (zone === 'UTC') return (time) => time;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (time) => {
    const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const date = Date.UTC(part('year'), part('month') - 1, part('day'));
    const milliseconds = ((time % 1000) + 1000) % 1000;
    return date + part('hour') * hour + part('minute') * minute + part('second') * 1000 + milliseconds;
  };
}

/** Whether the database that Node brings has a zone of this name. */
export function isZone(name: string): boolean {
  // Offsets such as +02:00 are taken as well; they are no places, where clocks may be set.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
