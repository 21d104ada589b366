import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';

import { jobInterface, managerInterface, managerPath, serviceName } from '../../../src/agent/daemon/api/definition.ts';
import { isAgentError } from '../../../src/core/errors.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { deadlineIn } from '../../../src/host/deadline.ts';
import { openConnection, type BusCall, type Connection } from '../../../src/systemd/bus.ts';
import { createBus } from '../../../src/systemd/bus/client.ts';
import { signatureOf, type InterfaceDefinition } from '../../../src/systemd/bus/definition.ts';
import { ReplyError } from '../../../src/systemd/bus/errors.ts';
import { busName, busPath } from '../../../src/systemd/bus/match.ts';
import { array, properties, several, single, text, uint32, Variant } from '../../../src/systemd/bus/values.ts';

/**
 * What runs inside a machine against the service there, in one process: `node service-probe.ts NAME [ARGUMENT...]` prints
 * what came of it as JSON.
 */

const manager = { destination: serviceName, path: managerPath, interface: managerInterface.name };
const systemBus = 'unix:path=/run/dbus/system_bus_socket';
const flag = '/run/flooding';

/** What the service takes of the host, and how far it got. */
export interface Sample {
  readonly rssKib: number;
  readonly descriptors: number;
  readonly matchRules: number;
  readonly historyBytes: number;
  /** Times that its threads were woken, calls of write(2) and the like, both since it began. */
  readonly wakeUps: number;
  readonly writes: number;
}

async function connect(): Promise<Connection> {
  const events = { signal: () => undefined, called: () => false, closed: () => undefined };
  return openConnection(systemBus, events, deadlineIn(systemClock, 60_000));
}

/** `answered`, or the name of the error. */
async function outcomeOf(connection: Connection, call: BusCall): Promise<string> {
  try {
    await connection.send(call).answer;
    return 'answered';
  } catch (error) {
    if (error instanceof ReplyError) return error.errorName;
    return isAgentError(error) ? error.code : String(error);
  }
}

const huge = 'x'.repeat(1 << 20);

/** A value of each type, and far from what anyone wants. */
const values: readonly (readonly [signature: string, value: unknown])[] = [
  ['', undefined],
  ['s', ''],
  ['s', 'y'.repeat(100_000)],
  ['s', '\u0007\u001b[2J\u202e../../etc/shadow'],
  ['as', []],
  ['as', [huge]],
  ['as', Array.from({ length: 5000 }, () => 'a')],
  ['as', ['../a', '']],
  ['asa{sv}', [['/'], new Map([['x'.repeat(65_536), new Variant('s', 'y')]])]],
  ['asa{sv}', [['/nothing'], new Map([['reason', new Variant('u', 1)]])]],
  ['u', 0xffff_ffff],
  ['b', true],
  ['d', -0.5],
  ['ay', Buffer.alloc(70_000)],
  ['v', new Variant('(sas)', ['a', ['z'.repeat(70_000)]])],
  ['a{sv}', new Map([['__proto__', new Variant('s', 'x')]])],
  ['ss', [managerInterface.name, 'constructor']],
  ['uuuuuuuuuuuuuuuu', Array.from({ length: 16 }, () => 7)],
];

function bodyOf([signature, value]: readonly [string, unknown]): Pick<BusCall, 'signature' | 'body'> {
  if (signature === '') return {};
  const isOne = /^(a*([a-z]|\{..\}))$/.test(signature);
  return { signature, body: isOne ? [value] : (value as unknown[]) };
}

const standardMembers = [
  ['org.freedesktop.DBus.Properties', 'Get'],
  ['org.freedesktop.DBus.Properties', 'GetAll'],
  ['org.freedesktop.DBus.Properties', 'Set'],
  ['org.freedesktop.DBus.Introspectable', 'Introspect'],
  ['org.freedesktop.DBus.ObjectManager', 'GetManagedObjects'],
  ['org.example.Nothing', 'Nothing'],
] as const;

/** Calls of every method there is, and of some there are not, that nobody should make; none of them changes anything. */
function fuzzCalls(): BusCall[] {
  const definitions: readonly InterfaceDefinition[] = [managerInterface, jobInterface];
  const ours = definitions.flatMap((definition) =>
    Object.entries(definition.methods).map(([member, { takes }]) => ({
      of: definition.name,
      member,
      takes: signatureOf(takes),
    })),
  );
  const named = [
    ...ours,
    ...standardMembers.map(([of, member]) => ({ of, member, takes: undefined })),
    ...['toString', '__proto__', 'constructor', 'install'].map((member) => ({
      of: managerInterface.name,
      member,
      takes: undefined,
    })),
  ];
  const paths = [managerPath, `${managerPath}/job/1`, `${managerPath}/job/4294967296`, '/', '/org/example'];
  return named.flatMap(({ of, member, takes }) =>
    values
      // What takes nothing would do something.
      .filter(([signature]) => takes !== '' || signature !== '')
      .map((value, index) => ({
        destination: serviceName,
        path: paths[index % paths.length] ?? managerPath,
        interface: of,
        member,
        ...bodyOf(value),
      }))
      .flatMap((call) => (call.path === managerPath ? [call] : [call, { ...call, path: managerPath }])),
  );
}

/** How often each outcome came. */
function counted(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

async function fuzz(): Promise<unknown> {
  const connection = await connect();
  const outcomes: string[] = [];
  for (const call of fuzzCalls()) outcomes.push(await outcomeOf(connection, call));
  connection.close();
  return { calls: outcomes.length, outcomes: counted(outcomes) };
}

/** Many calls at once over ten connections, questions and changes mixed; a tenth of the callers hang up at once. */
async function flood(count: number, length: number): Promise<unknown> {
  writeFileSync(flag, '');
  const connections = await Promise.all(Array.from({ length: 10 }, connect));
  const gone = await connect();
  const calls: readonly BusCall[] = [
    { ...manager, member: 'List' },
    { ...manager, member: 'History', signature: 'u', body: [10] },
    { ...manager, member: 'Explain', signature: 's', body: ['nothing'] },
    { ...manager, member: 'Remove', signature: 'as', body: [['nothing']] },
    { ...manager, member: 'Explain', signature: 's', body: ['x'.repeat(length)] },
  ];
  const at = (index: number) => calls[index % calls.length] ?? { ...manager, member: 'List' };
  const outcomes = Array.from({ length: count }, (_, index) => {
    const connection = connections[Math.floor(index / calls.length) % connections.length] ?? gone;
    return outcomeOf(connection, at(index));
  });
  const lost = Array.from({ length: count / 10 }, (_, index) => outcomeOf(gone, at(index)));
  gone.close();
  const told = await Promise.all(outcomes);
  await Promise.all(lost);
  for (const connection of connections) connection.close();
  rmSync(flag);
  return { outcomes: counted(told) };
}

/** How long something takes, in milliseconds. */
export interface Latency {
  readonly median: number;
  readonly longest: number;
}

/** How long reads take of the service and of the bus itself, in turn, from when the flood begins until it has ended. */
async function latency(): Promise<unknown> {
  const connection = await connect();
  const isFlooded = () => readdirSync('/run').includes('flooding');
  while (!isFlooded()) await systemClock.sleep(5);
  const ofService: number[] = [];
  const ofBus: number[] = [];
  const read = { ...manager, interface: 'org.freedesktop.DBus.Properties', member: 'Get', signature: 'ss' };
  const timed = async (call: BusCall, times: number[]) => {
    const start = performance.now();
    await connection.send(call).answer;
    times.push(performance.now() - start);
  };
  while (isFlooded()) {
    await timed({ ...read, body: [managerInterface.name, 'State'] }, ofService);
    await timed({ destination: busName, path: busPath, interface: busName, member: 'GetId' }, ofBus);
    await systemClock.sleep(5);
  }
  connection.close();
  return { reads: ofService.length, service: latencyOf(ofService), bus: latencyOf(ofBus) };
}

function latencyOf(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const rounded = (time = NaN) => Math.round(time * 10) / 10;
  return { median: rounded(sorted[Math.floor(sorted.length / 2)]), longest: rounded(sorted.at(-1)) };
}

/** Callers that are gone before they are answered. */
async function vanish(count: number): Promise<unknown> {
  for (let index = 0; index < count; index++) {
    const connection = await connect();
    const member = index % 2 === 0 ? 'List' : 'Hold';
    const asked = outcomeOf(connection, {
      ...manager,
      member,
      ...(member === 'Hold' ? { signature: 'as', body: [['nothing']] } : {}),
    });
    await systemClock.sleep(index % 3);
    connection.close();
    await asked;
  }
  return { count };
}

async function sample(): Promise<Sample> {
  await using bus = createBus({ clock: systemClock });
  const toBus = { destination: busName, path: busPath, interface: busName };
  const ask = (member: string) => ({ ...toBus, member, signature: 's', body: [serviceName] });
  const pid = await bus.call(ask('GetConnectionUnixProcessID'), single(uint32));
  const owner = await bus.call(ask('GetNameOwner'), single(text));
  const statistics = { ...toBus, interface: 'org.freedesktop.DBus.Debug.Stats', member: 'GetAllMatchRules' };
  const connection = await connect();
  const answer = await connection.send(statistics).answer;
  connection.close();
  const [rules] = answer.body as [Record<string, readonly string[]>];
  const numberIn = (file: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1]);
  const wakeUps = readdirSync(`/proc/${pid}/task`).map((task) =>
    numberIn(`task/${task}/status`, 'voluntary_ctxt_switches'),
  );
  return {
    rssKib: numberIn('status', 'VmRSS'),
    descriptors: await descriptorsOf(pid),
    matchRules: rules[owner]?.length ?? 0,
    historyBytes: statSync('/var/lib/sysext-agent/history.db').size,
    wakeUps: wakeUps.reduce((sum, one) => sum + one, 0),
    writes: numberIn('io', 'syscw'),
  };
}

/** How many a process holds: the fewest of some looks, since it has others open for a moment. */
async function descriptorsOf(pid: number): Promise<number> {
  const counts: number[] = [];
  for (let look = 0; look < 5; look++) {
    if (look > 0) await systemClock.sleep(50);
    counts.push(readdirSync(`/proc/${pid}/fd`).length);
  }
  return Math.min(...counts);
}

/** Hears what the loop is at. */
async function loopStates(bus: ReturnType<typeof createBus>): Promise<{ passes(): number; rest(): Promise<void> }> {
  let passes = 0;
  let ended = Promise.withResolvers<undefined>();
  const match = {
    sender: serviceName,
    path: managerPath,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'PropertiesChanged',
  };
  await bus.subscribe(match, several(text, properties, array(text)), {
    signal: ([, changed]) => {
      const state = changed.get('State')?.value;
      if (state === 'working') passes += 1;
      else if (state !== undefined) {
        ended.resolve(undefined);
        ended = Promise.withResolvers();
      }
    },
  });
  return {
    passes: () => passes,
    rest: async () => {
      await ended.promise;
    },
  };
}

/** Calls for that many passes by SIGHUP, one after the other, and looks at the service now and then. */
async function reconciles(count: number): Promise<unknown> {
  await using bus = createBus({ clock: systemClock });
  const states = await loopStates(bus);
  const target = { destination: busName, path: busPath, interface: busName };
  const pid = await bus.call(
    { ...target, member: 'GetConnectionUnixProcessID', signature: 's', body: [serviceName] },
    single(uint32),
  );
  return await sampled(count, async () => {
    const rest = states.rest();
    process.kill(pid, 'SIGHUP');
    await rest;
  });
}

/** Changes a drop-in that many times, each time when the change before was carried out. */
async function changes(count: number, image: string): Promise<unknown> {
  await using bus = createBus({ clock: systemClock });
  const states = await loopStates(bus);
  return await sampled(count, async (index) => {
    const rest = states.rest();
    const path = image.replace('%', String((index % 2) + 1));
    const text = `# ${index}\nextensions:\n  cycled:\n    image: ${path}\n`;
    writeFileSync('/etc/sysext-agent/extensions.d/50-cycled.yml', text);
    await rest;
  });
}

/** How long it takes from a changed drop-in to its extension, and the tool alone for the same, in milliseconds. */
async function latencyOfChange(run: number, image: string): Promise<unknown> {
  const version = String((run % 2) + 1);
  const seen = () => {
    try {
      return readFileSync('/usr/share/cycled/version', 'utf8').trim();
    } catch {
      return '';
    }
  };
  const text = `extensions:\n  cycled:\n    image: ${image.replace('%', version)}\n`;
  const start = performance.now();
  writeFileSync('/etc/sysext-agent/extensions.d/50-cycled.yml', text);
  while (seen() !== version) await systemClock.sleep(2);
  const ours = performance.now() - start;
  await systemClock.sleep(2000);
  const before = performance.now();
  execFileSync('systemd-sysext', ['refresh', '--always-refresh=yes'], { stdio: 'ignore' });
  return { ours, floor: performance.now() - before };
}

async function sampled(count: number, step: (index: number) => Promise<void>): Promise<Sample[]> {
  const samples = [await sample()];
  for (let index = 0; index < count; index++) {
    await step(index);
    if ((index + 1) % Math.ceil(count / 10) === 0) samples.push(await sample());
  }
  return samples;
}

/** How many passes the loop makes when that many drop-ins are written at once. */
async function burst(count: number, directory: string, body: string): Promise<unknown> {
  await using bus = createBus({ clock: systemClock });
  const states = await loopStates(bus);
  const rest = states.rest();
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    writeFileSync(`${directory}/70-${String(index).padStart(4, '0')}.yml`, body.replaceAll('%', String(index)));
  }
  const written = performance.now() - start;
  await rest;
  const handled = performance.now() - start;
  // What comes later than twice the longest wait of the service does not come any more.
  await systemClock.sleep(4000);
  return { passes: states.passes(), writtenMs: Math.round(written), handledMs: Math.round(handled) };
}

const steps: Readonly<Record<string, (...args: string[]) => Promise<unknown>>> = {
  fuzz,
  flood: (count, length) => flood(Number(count), Number(length)),
  latency,
  vanish: (count) => vanish(Number(count)),
  sample,
  reconciles: (count) => reconciles(Number(count)),
  changes: (count, image = '') => changes(Number(count), image),
  latencyOfChange: (run, image = '') => latencyOfChange(Number(run), image),
  burst: (count, directory = '', body = '') => burst(Number(count), directory, body),
};

setInterval(() => undefined, 1e9);
const [name = '', ...args] = process.argv.slice(2);
const step = steps[name];
if (step === undefined) throw new Error(`no step ${name}`);
process.stdout.write(JSON.stringify(await step(...args)));
process.exit(0);
