import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Message } from 'dbus-next';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isAgentError, type AgentError } from '../../src/core/errors.ts';
import { systemClock } from '../../src/host/clock.ts';
import type { BusCall } from '../../src/systemd/bus.ts';
import { createBus, type Bus, type CallOptions } from '../../src/systemd/bus/client.ts';
import { busName, busPath, type SignalMatch } from '../../src/systemd/bus/match.ts';
import {
  array,
  dictionary,
  nothing,
  properties,
  property,
  several,
  single,
  struct,
  text,
  uint32,
  uint64,
  variant,
  Variant,
  type Decoder,
} from '../../src/systemd/bus/values.ts';
import { waitFor } from '../lab/wait.ts';
import { busPeer, peerName, peerPath, rawSignal, type Behaviour, type Peer } from './support/bus-peer.ts';
import { privateBus, type PrivateBus } from './support/private-bus.ts';

const askBus = (member: string, signature = '', ...body: unknown[]): BusCall => ({
  destination: busName,
  path: busPath,
  interface: busName,
  member,
  signature,
  body,
});

const toPeer = (member: string, signature = '', ...body: unknown[]): BusCall => ({
  destination: peerName,
  path: peerPath,
  interface: peerName,
  member,
  signature,
  body,
});

const ticks = (argument?: string): SignalMatch => ({
  sender: peerName,
  path: peerPath,
  interface: peerName,
  member: 'Tick',
  ...(argument === undefined ? {} : { argument }),
});

const connect = (address: string) => createBus({ clock: systemClock, address, random: () => 0 });

/** The error that a call ends with. */
async function failing(promise: Promise<unknown>): Promise<AgentError> {
  try {
    await promise;
  } catch (error) {
    if (isAgentError(error)) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

const matchRules = async (bus: Bus) => {
  const stats = { ...askBus('GetStats'), interface: 'org.freedesktop.DBus.Debug.Stats' };
  return property(await bus.call(stats, single(properties)), 'MatchRules', uint32);
};

/** Signals that are on their way have come when the answer to a later call has. */
const settled = async (bus: Bus) => bus.call(askBus('GetId'), single(text));

describe('on a message bus', () => {
  let daemon: PrivateBus;

  beforeAll(async () => {
    daemon = await privateBus();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** Calls a peer that behaves like that, and returns what came of it. */
  async function calling<T>(behave: Behaviour, reply: Decoder<T>, options: CallOptions = {}): Promise<T> {
    using _ = await busPeer(daemon.address, behave, peerName);
    await using bus = connect(daemon.address);
    await settled(bus);
    return await bus.call(toPeer('Do'), reply, options);
  }

  test('values of every type come as they were sent', async () => {
    const sent = ['s', [['a', { n: 1 }]], 18446744073709551615n, { x: 'ä' }];
    const echo: Behaviour = (call) => Message.newMethodReturn(call, call.signature, call.body);
    using _ = await busPeer(daemon.address, echo, peerName);
    await using bus = connect(daemon.address);

    const reply = several(text, array(struct(text, dictionary(uint32))), uint64, dictionary(text), variant);
    const given = new Variant('a(sv)', [['inside', new Variant('u', 7)]]);
    const call = toPeer('Do', 'sa(sa{su})ta{ss}v', ...sent, given);
    const [word, list, big, map, any] = await bus.call(call, reply);

    expect([word, list, big, map]).toEqual([
      's',
      [['a', new Map([['n', 1]])]],
      18446744073709551615n,
      new Map([['x', 'ä']]),
    ]);
    expect(array(struct(text, variant)).decode(any.value)).toEqual([['inside', new Variant('u', 7)]]);
  });

  test.each([
    ['org.freedesktop.DBus.Error.AccessDenied', 'access-denied', undefined],
    ['org.freedesktop.DBus.Error.NoReply', 'bus-timeout', true],
    ['org.freedesktop.DBus.Error.Timeout', 'bus-timeout', true],
    ['org.freedesktop.DBus.Error.UnknownMethod', 'bus-failed', undefined],
    ['org.freedesktop.DBus.Error.hasOwnProperty', 'bus-failed', undefined],
    ['org.freedesktop.systemd1.NoSuchUnit', 'bus-failed', undefined],
  ])('the error %s of a service is %s', async (name, code, retryable) => {
    const error = await failing(calling((call) => Message.newError(call, name, 'so\nit\u001b[2J is'), nothing));

    expect({ code: error.code, retryable: error.details.retryable }).toEqual({ code, retryable });
    expect(error.message).toContain('the call Do to org.example.Peer');
    expect(error.details.facts).toEqual([`${name}: so it [2J is`]);
  });

  test('what the bus itself refuses comes as an error with its reason', async () => {
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Do'), nothing))).toMatchObject({
      code: 'bus-unavailable',
      details: { facts: [expect.stringContaining('ServiceUnknown')] },
    });
    expect(await failing(bus.call(askBus('Nonsense'), nothing))).toMatchObject({ code: 'bus-failed' });
    expect(
      await failing(bus.call(askBus('RequestName', 'su', 'org.example.Forbidden', 0), single(uint32))),
    ).toMatchObject({
      code: 'access-denied',
    });
  });

  test('a call that D-Bus cannot carry is refused, and the connection stays', async () => {
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Do', 's', 'a\0b'), nothing))).toMatchObject({ code: 'bus-failed' });
    expect(await failing(bus.call({ ...toPeer('Do'), path: 'no path' }, nothing))).toMatchObject({
      code: 'bus-failed',
    });
    expect(await settled(bus)).toMatch(/^[0-9a-f]{32}$/);
  });

  test.each<[string, string, unknown[], Decoder<unknown>]>([
    ['a number for a text', 'u', [5], single(text)],
    ['nothing for a text', '', [], single(text)],
    ['too much', 'ss', ['a', 'b'], single(text)],
    ['something for nothing', 's', ['a'], nothing],
    ['another list', 'a(su)', [[['a', 1]]], single(array(struct(text, text)))],
  ])('an answer with %s is an error, and the next call is answered', async (_, signature, body, reply) => {
    const answer: Behaviour = (call) => Message.newMethodReturn(call, signature, body);

    expect(await failing(calling(answer, reply))).toMatchObject({
      code: 'bus-failed',
      details: { facts: [`expected the type "${reply.signature}", found "${signature}"`] },
    });
  });

  test('a service that never answers ends with the deadline, or when the caller gives up', async () => {
    expect(await failing(calling(() => undefined, nothing, { timeoutMs: 1000 }))).toMatchObject({
      code: 'bus-timeout',
      message: 'the call Do to org.example.Peer was not answered within 1 s',
      details: { retryable: true },
    });
    expect(await failing(calling(() => undefined, nothing, { signal: AbortSignal.timeout(50) }))).toMatchObject({
      code: 'interrupted',
    });
    expect(await failing(calling(() => undefined, nothing, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'interrupted',
    });
  });

  test('an answer after the deadline is lost, and no answer of a later call', async () => {
    const waiting: Message[] = [];
    const behave: Behaviour = (call, peer) => {
      waiting.push(call);
      if (call.member === 'Late') return undefined;
      for (const late of waiting) peer.bus.send(Message.newMethodReturn(late, 's', [late.member]));
      return undefined;
    };
    using _ = await busPeer(daemon.address, behave, peerName);
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Late'), single(text), { timeoutMs: 300 }))).toMatchObject({
      code: 'bus-timeout',
    });
    expect(await bus.call(toPeer('InTime'), single(text))).toBe('InTime');
  });

  test('a service that vanishes before its answer is no reason to wait', async () => {
    const vanish: Behaviour = (_, peer) => {
      peer[Symbol.dispose]();
      return undefined;
    };

    expect(await failing(calling(vanish, nothing))).toMatchObject({
      code: 'bus-timeout',
      details: { retryable: true },
    });
  });

  test('an answer that is too long is an error at once, and the next one comes', async () => {
    const answers: Record<string, string> = { Do: 'x'.repeat(5 << 20), Longest: 'x'.repeat((4 << 20) - 5) };
    const huge: Behaviour = (call) => Message.newMethodReturn(call, 's', [answers[call.member] ?? '']);
    using _ = await busPeer(daemon.address, huge, peerName);
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Do'), single(text), { timeoutMs: 60_000 }))).toMatchObject({
      code: 'bus-failed',
      details: { facts: ['it is longer than 4194304 bytes'] },
    });
    expect((await bus.call(toPeer('Longest'), single(text))).length).toBe((4 << 20) - 5);
    expect(await bus.call(toPeer('Other'), single(text))).toBe('');
  });

  test('10,000 calls cost no memory', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await using bus = connect(daemon.address);
    const ask = async (count: number) => {
      for (let call = 0; call < count; call++) await settled(bus);
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = await ask(1000);
    const cpu = process.cpuUsage();
    const grown = Math.round(((await ask(10_000)) - before) / 1024);
    const { user, system } = process.cpuUsage(cpu);
    process.stdout.write(`10,000 calls: ${grown} KiB, ${Math.round((user + system) / 10_000)} us of CPU each\n`);

    expect(grown).toBeLessThan(1024);
  });

  describe('signals', () => {
    let peer: Peer;
    let bus: Bus;

    beforeAll(async () => {
      const behave: Behaviour = (call) => Message.newMethodReturn(call, 's', [call.sender]);
      peer = await busPeer(daemon.address, behave, peerName);
      bus = connect(daemon.address);
    });

    afterAll(async () => {
      peer[Symbol.dispose]();
      await bus[Symbol.asyncDispose]();
    });

    /** When the peer has answered, its signals of before have come. */
    const heard = async () => bus.call(toPeer('Sync'), single(text));

    test('are heard while a subscription lasts, each by those who mean it', async () => {
      const [all, some]: [string[], string[]] = [[], []];
      const first = await bus.subscribe(ticks(), single(text), { signal: (value) => all.push(value) });
      await using _ = await bus.subscribe(ticks('b'), single(text), { signal: (value) => some.push(value) });
      for (const word of ['a', 'b']) peer.signal({ member: 'Tick', signature: 's', body: [word] });
      peer.signal({ member: 'Tock', signature: 's', body: ['b'] });
      await heard();
      await first[Symbol.asyncDispose]();
      peer.signal({ member: 'Tick', signature: 's', body: ['b'] });
      await heard();

      expect({ all, some }).toEqual({ all: ['a', 'b'], some: ['b', 'b'] });
    });

    test('with other arguments than they must have are passed over', async () => {
      const words: string[] = [];
      await using _ = await bus.subscribe(ticks(), single(text), { signal: (value) => words.push(value) });
      peer.signal({ member: 'Tick', signature: 'u', body: [5] });
      peer.signal({ member: 'Tick', signature: 'ss', body: ['a', 'b'] });
      peer.signal({ member: 'Tick', signature: 's', body: ['a'] });
      await heard();

      expect(words).toEqual(['a']);
    });

    test('in the name of another are not heard', async () => {
      const words: string[] = [];
      const self = await heard();
      await using _ = await bus.subscribe(ticks(), single(text), { signal: (value) => words.push(value) });
      using impostor = await busPeer(daemon.address);
      impostor.signal({ member: 'Tick', signature: 's', body: ['to all'] });
      impostor.signal({ member: 'Tick', signature: 's', body: ['to you'], destination: self });
      const change = { path: busPath, interface: busName, member: 'NameOwnerChanged', signature: 'sss' };
      impostor.signal({ ...change, body: [peerName, '', impostor.bus.name ?? ''], destination: self });
      impostor.signal({ member: 'Tick', signature: 's', body: ['I am it now'], destination: self });
      await impostor.bus.requestName('org.example.Impostor', 0);
      peer.signal({ member: 'Tick', signature: 's', body: ['real'] });
      await heard();

      expect(words).toEqual(['real']);
    });

    test.each([
      ['a file descriptor that was not sent', 'h', Buffer.from([9, 0, 0, 0]), '/a'],
      ['a variant with one', 'v', Buffer.from([1, 0x68, 0, 0, 9, 0, 0, 0]), '/a'],
      ['a body that is too long', 'ay', Buffer.concat([Buffer.from([0, 0, 96, 0]), Buffer.alloc(6 << 20)]), '/a'],
      ['a path that is too long', '', Buffer.alloc(0), '/a'.repeat(3 << 20)],
    ])('with %s do no harm', async (_, signature, body, path) => {
      const self = await heard();
      const words: string[] = [];
      await using subscription = await bus.subscribe(ticks(), single(text), { signal: (value) => words.push(value) });
      peer.write(rawSignal(self, path, signature, body));
      peer.signal({ member: 'Tick', signature: 's', body: ['after it'] });

      expect(await heard()).toBe(self);
      expect(words).toEqual(['after it']);
    });

    test('leave no match rule behind, whether 10,000 subscriptions come and go or overlap', async () => {
      const before = await matchRules(bus);
      const subscribe = (word: string) => bus.subscribe(ticks(word), single(text), { signal: () => undefined });
      for (let count = 0; count < 1000; count++) await (await subscribe(`${count}`))[Symbol.asyncDispose]();
      const overlapping = await Promise.all(Array.from({ length: 9000 }, (_, count) => subscribe(`${count % 100}`)));
      const most = await matchRules(bus);
      await Promise.all(overlapping.map((subscription) => subscription[Symbol.asyncDispose]()));

      expect(most).toBe((before ?? 0) + 101);
      expect(await matchRules(bus)).toBe(before);
    });

    test('come from whoever owns the name, and a new owner is a reason to look again', async () => {
      const words: string[] = [];
      const heardAll = { signal: (word: string) => words.push(word), missed: () => words.push('look again') };
      await using _ = await bus.subscribe({ ...ticks(), sender: 'org.example.Late' }, single(text), heardAll);
      for (const word of ['first', 'second']) {
        using owner = await busPeer(daemon.address, undefined, 'org.example.Late');
        owner.signal({ member: 'Tick', signature: 's', body: [word] });
        await waitFor(`the ${word} signal`, () => (words.includes(word) ? true : undefined));
      }

      expect(words).toEqual(['look again', 'first', 'look again', 'second']);
    });
  });
});

describe('a bus that restarts', () => {
  test('breaks off what waits; the next call works, and subscriptions come back', async () => {
    await using daemon = await privateBus();
    const words: string[] = [];
    const first = await busPeer(daemon.address, () => undefined, peerName);
    await using bus = connect(daemon.address);
    const handler = { signal: (word: string) => words.push(word), missed: () => words.push('look again') };
    await using _ = await bus.subscribe(ticks(), single(text), handler);
    const waiting = failing(bus.call(toPeer('Never'), nothing));
    await settled(bus);
    await daemon.stop();

    expect(await waiting).toMatchObject({ code: 'bus-unavailable', details: { retryable: true } });
    expect(await failing(bus.call(askBus('GetId'), single(text)))).toMatchObject({ code: 'bus-unavailable' });

    first[Symbol.dispose]();
    await daemon.start();
    expect(await settled(bus)).toMatch(/^[0-9a-f]{32}$/);
    await waitFor('the subscription', () => (words.includes('look again') ? true : undefined));
    using again = await busPeer(daemon.address, undefined, peerName);
    again.signal({ member: 'Tick', signature: 's', body: ['back'] });
    await waitFor('the signal', () => (words.includes('back') ? true : undefined));
    expect(words).toEqual(['look again', 'look again', 'back']);
  });

  test('does not keep a bus that is done with', async () => {
    await using daemon = await privateBus();
    await using other = connect(daemon.address);
    const connections = async () => (await other.call(askBus('ListNames'), single(array(text)))).length;
    const before = await connections();
    const bus = connect(daemon.address);
    await bus.subscribe(ticks(), single(text), { signal: () => undefined });
    expect(await connections()).toBe(before + 1);
    await bus[Symbol.asyncDispose]();
    await waitFor('its connection to go', async () => ((await connections()) === before ? true : undefined));
    expect(await failing(bus.call(askBus('GetId'), single(text)))).toBeInstanceOf(Error);
  });
});

describe('what is no bus', () => {
  async function behind(serve: (socket: Socket) => void, timeoutMs: number): Promise<AgentError> {
    const directory = mkdtempSync(join(tmpdir(), 'no-bus-'));
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    }).listen(join(directory, 'socket'));
    await once(server, 'listening');
    try {
      await using bus = connect(`unix:path=${join(directory, 'socket')}`);
      return await failing(bus.call(askBus('GetId'), single(text), { timeoutMs }));
    } finally {
      server.close();
      rmSync(directory, { recursive: true });
    }
  }

  test.each<[string, (socket: Socket) => void, number, string]>([
    ['says nothing', () => undefined, 200, 'it did not answer in time'],
    ['hangs up', (socket) => socket.destroy(), 10_000, 'cannot connect to the message bus at unix:path='],
    ['talks without end', (socket) => socket.write('x'.repeat(1 << 20)), 500, 'it did not answer in time'],
    ['refuses', (socket) => socket.write('REJECTED\r\n'), 10_000, 'authentication failed: REJECTED'],
  ])('and %s is an error', async (_, serve, timeoutMs, why) => {
    const error = await behind(serve, timeoutMs);

    expect(error).toMatchObject({ code: 'bus-unavailable', details: { retryable: true } });
    expect(error.message).toContain(why);
  });

  test('and is not there is an error that names the address', async () => {
    await using bus = connect('unix:path=/nonexistent/socket');

    expect(await failing(bus.call(askBus('GetId'), single(text)))).toMatchObject({
      code: 'bus-unavailable',
      message: 'cannot connect to the message bus at unix:path=/nonexistent/socket: connect ENOENT /nonexistent/socket',
    });
  });
});
