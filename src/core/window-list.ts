import { days, isZone, lengthOf, type MaintenanceWindow } from './windows.ts';
import { checked, list, mapped, oneOf, parsed, string, type Decoder } from './yaml/decoder.ts';
import { duration } from './yaml/duration.ts';
import { optional, struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

const endOfDay = 24 * 60;

/** A time of day, in minutes since midnight. */
const timeOfDay = parsed(string, (text) => {
  const [, hours, minutes] = /^([01][0-9]|2[0-4]):([0-5][0-9])$/.exec(text) ?? [];
  const value = Number(hours) * 60 + Number(minutes);
  return value <= endOfDay ? { value } : { problem: `${quote(text)} is no time of day such as 02:30` };
});

const beginning = checked(timeOfDay, (time) =>
  time === endOfDay ? 'a day ends at 24:00: it cannot begin then' : undefined,
);

const zone = checked(string, (name) =>
  isZone(name) ? undefined : `there is no time zone ${quote(name)}: its name is one such as Europe/Berlin`,
);

const weekdays = checked(list(oneOf(days)), (names) =>
  names.length === 0 ? 'it would never be open: name a day, or leave the field out for all days' : undefined,
);

const fields = struct({
  days: withDefault(weekdays, days),
  from: withDefault(beginning, 0),
  to: withDefault(timeOfDay, endOfDay),
  zone: optional(zone),
  spread: optional(duration),
});

const maintenanceWindow: Decoder<MaintenanceWindow> = mapped(
  checked(fields, ({ from, to, spread = 0 }) => {
    if (from === to) return 'it ends when it begins: leave `from` and `to` out for whole days';
    return spread < lengthOf({ from, to }) * 60_000 ? undefined : 'it is over before it is open to the last host';
  }),
  ({ zone: where, spread, ...window }) => ({
    ...window,
    ...(spread === undefined ? {} : { spread }),
    ...(where === undefined ? {} : { zone: where }),
  }),
);

/** Maintenance windows, in the form that docs/windows.md describes. */
export const windowList: Decoder<readonly MaintenanceWindow[]> = list(maintenanceWindow);
