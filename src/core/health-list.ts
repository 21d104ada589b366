import { defaultLimits, nameOfProbe, type DeclaredCheck, type HealthProbe } from './health.ts';
import { checked, integer, list, numberedList, parsed, string, type Decoder } from './yaml/decoder.ts';
import { duration, durationText } from './yaml/duration.ts';
import { optional, struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** Nobody waits longer for an install, in milliseconds. */
const longestTime = 3_600_000;
const mostRetries = 100;

const argument = checked(string, (text) =>
  text.includes('\0') ? 'an argument cannot have a NUL character in it' : undefined,
);

/** Run without a shell: what it is must be plain. */
const program = checked(argument, (text) => {
  if (text === '') return 'the program has no name';
  if (text.startsWith('/') || !text.includes('/')) return undefined;
  return `${quote(text)} must be an absolute path, or a name without a slash`;
});

const command = checked(
  numberedList((index) => (index === 0 ? program : argument)),
  (words) => (words.length === 0 ? 'a command needs a program' : undefined),
);

const unitTypes = 'service|socket|target|device|mount|automount|swap|timer|path|slice|scope';

/** By systemd.unit(5). */
const unit = checked(string, (name) => {
  if (name.length > 255 || !new RegExp(`^[A-Za-z0-9:_.\\\\@][A-Za-z0-9:_.\\\\@-]*\\.(${unitTypes})$`).test(name))
    return `${quote(name)} is no name of a unit such as web.service`;
  return name.includes('@.') ? `${quote(name)} is a template: name an instance of it` : undefined;
});

const name = checked(string, (text) => {
  if (text === '' || text.length > 80) return 'a name has between 1 and 80 characters';
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) ? 'a name cannot have control characters in it' : undefined;
});

const waiting = checked(duration, (milliseconds) =>
  milliseconds > longestTime ? `more than ${durationText(longestTime)} is too long` : undefined,
);

const timeout = checked(waiting, (milliseconds) => (milliseconds === 0 ? 'a check needs some time' : undefined));

const retries = checked(integer, (count) =>
  count < 0 || count > mostRetries ? `between 0 and ${mostRetries} retries are possible` : undefined,
);

const fields = struct({
  command: optional(command),
  prepare: optional(command),
  unit: optional(unit),
  name: optional(name),
  timeout: withDefault(timeout, defaultLimits.timeout),
  retries: withDefault(retries, defaultLimits.retries),
  interval: withDefault(waiting, defaultLimits.interval),
});

const check: Decoder<DeclaredCheck> = parsed(
  fields,
  ({ command: after, prepare: before, unit: unitName, name: given, ...limits }) => {
    const probes: HealthProbe[] = [
      ...(after === undefined ? [] : [{ kind: 'command', command: after } as const]),
      ...(before === undefined ? [] : [{ kind: 'prepare', command: before } as const]),
      ...(unitName === undefined ? [] : [{ kind: 'unit', unit: unitName } as const]),
    ];
    const [probe] = probes;
    if (probe === undefined || probes.length > 1) return { problem: 'a check has one of command, prepare and unit' };
    return { value: { name: given ?? nameOfProbe(probe), probe, ...limits } };
  },
);

/** Reads health checks: `[{command: [curl, --fail, 'http://localhost/'], timeout: 10s}, {unit: web.service}]`. */
export const healthList: Decoder<readonly DeclaredCheck[]> = list(check);
