import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

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
    return bus.call(toPeer('Do'), reply, options);
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
    expect(await failing(calling(() => undefined, nothing, { timeoutMs: 50 }))).toMatchObject({
      code: 'bus-timeout',
      message: 'the call Do to org.example.Peer was not answered within 0.05 s',
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
      for (const { serial, ...late } of waiting)
        peer.bus.send(Message.newMethodReturn({ ...late, serial } as Message, 's', [late.member]));
      return undefined;
    };
    using _ = await busPeer(daemon.address, behave, peerName);
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Late'), single(text), { timeoutMs: 20 }))).toMatchObject({
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

  test('an answer of any length that is too long is an error at once, and costs no memory', async () => {
    const long = Array.from({ length: 1_500_000 }, () => '');
    const huge: Behaviour = (call) =>
      Message.newMethodReturn(call, call.member === 'Do' ? 'as' : '', call.member === 'Do' ? [long] : []);
    using _ = await busPeer(daemon.address, huge, peerName);
    await using bus = connect(daemon.address);

    expect(await failing(bus.call(toPeer('Do'), single(array(text)), { timeoutMs: 60_000 }))).toMatchObject({
      code: 'bus-failed',
      details: { facts: ['it is longer than 4194304 bytes'] },
    });
    expect(await bus.call(toPeer('Other'), nothing)).toBeUndefined();
  });
});
