import { checked, integer, parsed, string, type Decoder } from './yaml/decoder.ts';
import { optional, struct } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** What a step of a build may take at most, as far as the settings say it. */
export interface BuildLimits {
  /** In seconds. */
  readonly time?: number;
  /** In bytes. */
  readonly memory?: number;
  readonly processes?: number;
  /** In bytes. */
  readonly disk?: number;
}

const powers: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4 };

/** `512M`, `4G`, or a number of bytes. */
const size: Decoder<number> = parsed(string, (text) => {
  const [, digits, unit = '?'] = /^(\d{1,15})([KMGT]?)$/.exec(text) ?? [];
  const value = Number(digits) * 1024 ** (powers[unit] ?? NaN);
  return Number.isSafeInteger(value) && value >= 1024 ** 2
    ? { value }
    : { problem: `${quote(text)}: it takes a size of at least 1M, such as 512M or 4G` };
});

const seconds = checked(integer, (value) =>
  value >= 1 && value <= 604_800 ? undefined : 'it takes a number of seconds, from 1 to 604800',
);

const processes = checked(integer, (value) =>
  value >= 16 && value <= 1_000_000 ? undefined : 'it takes a number of processes, from 16 to 1000000',
);

const fields = struct({
  time_limit: optional(seconds),
  memory_limit: optional(size),
  process_limit: optional(processes),
  disk_limit: optional(size),
});

/** The settings `build` of agent.yml. */
export const buildLimits: Decoder<BuildLimits> = (value, path) => {
  const decoded = fields(value, path);
  if (!decoded.ok) return decoded;
  const { time_limit: time, memory_limit: memory, process_limit: count, disk_limit: disk } = decoded.value;
  return {
    ok: true,
    value: {
      ...(time === undefined ? {} : { time }),
      ...(memory === undefined ? {} : { memory }),
      ...(count === undefined ? {} : { processes: count }),
      ...(disk === undefined ? {} : { disk }),
    },
  };
};
