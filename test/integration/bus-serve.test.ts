import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isAgentError } from '../../src/core/errors.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createBus, type Bus } from '../../src/systemd/bus/client.ts';
import type { InterfaceDefinition } from '../../src/systemd/bus/definition.ts';
import { ReplyError } from '../../src/systemd/bus/errors.ts';
import type { NameState } from '../../src/systemd/bus/incoming.ts';
import { emitSignal, serve, type ServedObject } from '../../src/systemd/bus/objects.ts';
import { properties, property, single, text, uint32 } from '../../src/systemd/bus/values.ts';
import { waitFor } from '../lab/wait.ts';
import { privateBus, type PrivateBus } from './support/private-bus.ts';

const name = 'org.example.Served';
const path = '/org/example/Served';

const definition: InterfaceDefinition = {
  name,
  methods: { Length: { takes: [['text', 's']], gives: [['length', 'u']] }, Fail: { takes: [], gives: [] } },
  properties: { Size: 'u' },
  signals: { Tick: [['count', 'u']] },
};

const object: ServedObject = {
  definition,
  call: (member, [value = '']) => {
    if (member === 'Fail') return Promise.reject(new Error('it fails'));
    return Promise.resolve([String(value).length]);
  },
  properties: () => ({ Size: 7 }),
};

/** Puts the object on the bus; returns what was told of the name. */
function served(bus: Bus, as = name): NameState[] {
  const states: NameState[] = [];
  serve(bus, as, {
    manager: path,
    paths: () => [path, `${path}/1`],
    at: (asked) => (asked.startsWith(path) ? object : undefined),
    told: (error) => ({ name: 'org.example.Error', message: String(error) }),
    named: (state) => states.push(state),
  });
  return states;
}

const connect = (address: string) => createBus({ clock: systemClock, address, random: () => 0 });
const to = { destination: name, path, interface: name };

describe('objects on a message bus', () => {
  let daemon: PrivateBus;

  beforeAll(async () => {
    daemon = await privateBus();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  const named = async (states: readonly NameState[], count: number) =>
    waitFor('the name', () => Promise.resolve(states.length >= count ? states : undefined));

  const length = (bus: Bus, value: string) =>
    bus.call({ ...to, member: 'Length', signature: 's', body: [value] }, single(uint32));

  /** The name of the error that a call ends with. */
  async function errorOf(promise: Promise<unknown>): Promise<string> {
    try {
      await promise;
    } catch (error) {
      if (error instanceof ReplyError) return error.errorName;
      throw error;
    }
    throw new Error('it succeeded');
  }

  test('answer calls, say what they are, and send signals', async () => {
    await using bus = connect(daemon.address);
    await using other = connect(daemon.address);
    await named(served(bus), 1);

    expect(await length(other, 'abc')).toBe(3);
    expect(await length(other, 'x'.repeat(200 << 10))).toBe(200 << 10);
    const all = { ...to, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll', signature: 's', body: [name] };
    expect(property(await other.call(all, single(properties)), 'Size', uint32)).toBe(7);
    const inspect = { ...to, interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect' };
    expect(await other.call(inspect, single(text))).toContain('<arg name="length" type="u" direction="out"/>');
    expect(await other.call({ ...inspect, path: '/org' }, single(text))).toContain('<node name="example"/>');

    const manager = { ...to, interface: 'org.freedesktop.DBus.ObjectManager', member: 'GetManagedObjects' };
    const objects = { signature: 'a{oa{sa{sv}}}', decode: (value: unknown) => value };
    const size = { [name]: { Size: { signature: 'u', value: 7 } } };
    expect(await other.call(manager, single(objects))).toMatchObject({ [`${path}/1`]: size });

    const { promise, resolve } = Promise.withResolvers<number>();
    const match = { sender: name, path, interface: name, member: 'Tick' };
    await using _ = await other.subscribe(match, single(uint32), { signal: resolve });
    emitSignal(bus, path, definition, 'Tick', [5]);
    expect(await promise).toBe(5);
  });

  test('refuse what is no call of theirs', async () => {
    await using bus = connect(daemon.address);
    await using other = connect(daemon.address);
    await named(served(bus), 1);
    const ask = (change: object) => errorOf(other.call({ ...to, member: 'Length', ...change }, single(uint32)));

    expect(await ask({ signature: 'u', body: [1] })).toBe('org.freedesktop.DBus.Error.InvalidArgs');
    expect(await ask({ member: 'constructor' })).toBe('org.freedesktop.DBus.Error.UnknownMethod');
    expect(await ask({ interface: 'org.example.Other' })).toBe('org.freedesktop.DBus.Error.UnknownInterface');
    expect(await ask({ path: '/nowhere' })).toBe('org.freedesktop.DBus.Error.UnknownObject');
    expect(await ask({ member: 'Fail' })).toBe('org.example.Error');
    expect(await ask({ signature: 's', body: ['x'.repeat(257 << 10)] })).toBe(
      'org.freedesktop.DBus.Error.LimitsExceeded',
    );
    expect(await length(other, 'abc')).toBe(3);
  });

  test('come when the one who has the name goes, and where the bus does not allow it never', async () => {
    await using first = connect(daemon.address);
    await using other = connect(daemon.address);
    await named(served(first), 1);
    await using second = connect(daemon.address);
    expect(await named(served(second), 1)).toEqual(['taken']);
    await using third = connect(daemon.address);
    expect(await named(served(third, 'org.example.Forbidden'), 1)).toEqual(['refused']);

    await first[Symbol.asyncDispose]();
    expect(await length(other, 'abc')).toBe(3);
  });

  test('are there again after the bus was', async () => {
    await using bus = connect(daemon.address);
    const states = served(bus);
    await named(states, 1);
    await daemon.stop();
    await daemon.start();
    await named(states, 2);
    await using other = connect(daemon.address);

    expect(await length(other, 'abc')).toBe(3);
    expect(isAgentError(await errorAfter(bus), 'interrupted')).toBe(true);
  });

  /** What a call ends with when the bus was disposed of. */
  async function errorAfter(bus: Bus): Promise<unknown> {
    await bus[Symbol.asyncDispose]();
    return length(bus, 'abc').catch((error: unknown) => error);
  }
});
