import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';

import type * as dbus from 'dbus-next';

import { AgentError } from '../core/errors.ts';
import { within, type Deadline } from '../host/deadline.ts';
import { brokenOff, cannotConnect, ReplyError, senseless, unsendable } from './bus/errors.ts';
import { bodyLeftOut, guardStream, longestBody } from './bus/guard.ts';
import type { IncomingCall, OutgoingSignal } from './bus/incoming.ts';
import type { Signal } from './bus/match.ts';
import { Variant } from './bus/values.ts';

/**
 * One connection to a message bus: the only place that knows dbus-next. Of the library it takes the handshake and the
 * encoding. The library itself waits for answers without end, adds match rules that it does not remove, tells nobody
 * that the connection broke, and leaves it to chance who sent a signal: that is done here and in `bus/`.
 */

/** A call of a method. */
export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** The types of the arguments; none unless given. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Whether polkit may ask the user of this process for a password, while the call waits. */
  readonly mayInteract?: boolean;
}

export interface Answer {
  readonly signature: string;
  readonly body: unknown;
}

export interface SentCall {
  /** @throws ReplyError, AgentError `bus-unavailable` when the connection breaks. */
  readonly answer: Promise<Answer>;
  /** Nobody waits for the answer any more. */
  forget(): void;
}

export interface Connection {
  /** @throws AgentError `bus-failed` for what D-Bus cannot carry. */
  send(call: BusCall): SentCall;
  /** Sends a signal to everyone. @throws AgentError as send() does. */
  emit(signal: OutgoingSignal): void;
  /** Ends the connection, and with it every call that waits. */
  close(): void;
}

/** What a connection tells: it must not throw. */
export interface ConnectionEvents {
  signal(signal: Signal): void;
  /** A call came; where nobody takes it, it is refused. */
  called(call: IncomingCall): boolean;
  /** The connection is no more, for whatever reason. */
  closed(): void;
}

type Library = typeof dbus;

/** ALLOW_INTERACTIVE_AUTHORIZATION of the D-Bus specification, which the library does not know. */
const mayInteract = 0x4;

const unknownObject = 'org.freedesktop.DBus.Error.UnknownObject';

/**
 * Connects to the bus at an address, such as `unix:path=/run/dbus/system_bus_socket`, and says hello.
 * @throws AgentError `bus-unavailable`, `interrupted`.
 */
export async function openConnection(
  address: string,
  events: ConnectionEvents,
  deadline: Deadline,
): Promise<Connection> {
  const library = await import('dbus-next');
  const bus = library.sessionBus({ busAddress: address, authMethods: ['EXTERNAL'] });
  const transport = transportOf(bus);
  const close = () => streamOf(transport)?.destroy();
  const connection = new LibraryConnection(library, bus, events, close);
  try {
    const late = () => cannotConnect(address, 'it did not answer in time');
    connection.watch(await within(deadline, 'connecting to the message bus', greeted(bus, transport, address), late));
    return connection;
  } catch (error) {
    close();
    throw error;
  }
}

/** Waits until the bus has answered the library's hello; returns the stream to it. */
function greeted(bus: dbus.MessageBus, transport: EventEmitter, address: string): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  // It stays for good: an error that nobody hears would end the process.
  (bus as EventEmitter).on('error', (error: Error) => {
    reject(cannotConnect(address, error.message, error));
  });
  transport.once('end', () => {
    reject(cannotConnect(address, 'it ended the connection'));
  });
  // The library sets its reader right after this event, and nothing is read before that microtask.
  transport.once('connect', () => {
    queueMicrotask(() => {
      const stream = streamOf(transport);
      if (stream !== undefined) guardStream(stream);
    });
  });
  bus.once('connect', () => {
    const stream = streamOf(transport);
    if (stream !== undefined && bus.name !== null) resolve(stream);
    else reject(cannotConnect(address, 'it gave us no name'));
  });
  return promise;
}

/** The library's own connection, which alone says that it ended; not part of what the library promises. */
function transportOf(bus: dbus.MessageBus): EventEmitter {
  const transport: unknown = Reflect.get(bus, '_connection');
  if (transport instanceof EventEmitter) return transport as EventEmitter;
  throw new AgentError('internal', 'dbus-next is not the version that this program was made for');
}

function streamOf(transport: EventEmitter): Duplex | undefined {
  const stream: unknown = Reflect.get(transport, 'stream');
  return stream instanceof Duplex ? stream : undefined;
}

interface WaitingCall {
  readonly call: BusCall;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

class LibraryConnection implements Connection {
  readonly #library: Library;
  readonly #bus: dbus.MessageBus;
  readonly #events: ConnectionEvents;
  readonly #waiting = new Map<number, WaitingCall>();
  readonly close: () => void;
  #isClosed = false;

  constructor(library: Library, bus: dbus.MessageBus, events: ConnectionEvents, close: () => void) {
    this.#library = library;
    this.#bus = bus;
    this.#events = events;
    this.close = close;
    bus.on('message', (message: dbus.Message) => {
      this.#take(message);
    });
    // Instead of the library's own answers: those tell of its insides.
    bus.addMethodHandler((message: dbus.Message) => {
      if (!events.called(this.#incoming(message))) this.#refuse(message, unknownObject, 'nothing is served here');
      return true;
    });
  }

  /** Tells when the stream is closed, at once where it is closed already. */
  watch(stream: Duplex): void {
    const closed = () => {
      this.#isClosed = true;
      for (const { call, reject } of this.#waiting.values()) reject(brokenOff(call, stream.errored ?? undefined));
      this.#waiting.clear();
      this.#events.closed();
    };
    if (stream.destroyed) closed();
    else stream.once('close', closed);
  }

  send(call: BusCall): SentCall {
    if (this.#isClosed) throw brokenOff(call);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const serial = this.#bus.newSerial();
    this.#waiting.set(serial, { call, resolve, reject });
    const forget = () => this.#waiting.delete(serial);
    try {
      this.#bus.send(this.#messageOf(call, serial));
    } catch (error) {
      forget();
      throw unsendable(call, error);
    }
    return { answer: promise, forget };
  }

  emit(signal: OutgoingSignal): void {
    const called = { destination: 'everyone', member: signal.member };
    if (this.#isClosed) throw brokenOff(called);
    try {
      const body = signal.body.map((value) => forLibrary(this.#library, value));
      this.#bus.send(new this.#library.Message({ ...signal, type: this.#library.MessageType.SIGNAL, body }));
    } catch (error) {
      throw unsendable(called, error);
    }
  }

  #incoming(message: dbus.Message): IncomingCall {
    const { path, interface: of, member, signature, body, sender, flags } = message;
    return {
      sender,
      path,
      interface: of,
      member,
      signature,
      body,
      isTooLong: (flags & bodyLeftOut) !== 0,
      mayInteract: (flags & mayInteract) !== 0,
      answer: (answerSignature, answer) => {
        const values = answer.map((value) => forLibrary(this.#library, value));
        this.#reply(message, () => this.#library.Message.newMethodReturn(message, answerSignature, values));
      },
      refuse: (errorName, text) => {
        this.#refuse(message, errorName, text);
      },
    };
  }

  #refuse(message: dbus.Message, errorName: string, text: string): void {
    this.#reply(message, () => this.#library.Message.newError(message, errorName, text));
  }

  /** Over a connection that broke nobody can be answered. */
  #reply(message: dbus.Message, reply: () => dbus.Message): void {
    const isAwaited = (message.flags & this.#library.MessageFlag.NO_REPLY_EXPECTED) === 0;
    if (isAwaited && !this.#isClosed) this.#bus.send(reply());
  }

  #messageOf({ mayInteract: mayAsk = false, ...call }: BusCall, serial: number): dbus.Message {
    const body = (call.body ?? []).map((value) => forLibrary(this.#library, value));
    return new this.#library.Message({ ...call, serial, body, flags: mayAsk ? mayInteract : 0 });
  }

  #take(message: dbus.Message): void {
    const { METHOD_RETURN, ERROR, SIGNAL } = this.#library.MessageType;
    const { type, signature, body, flags } = message;
    const isWhole = (flags & bodyLeftOut) === 0;
    if (type === SIGNAL && isWhole) this.#events.signal(message);
    if (type !== METHOD_RETURN && type !== ERROR) return;
    const waiting = this.#waiting.get(message.replySerial ?? 0);
    if (waiting === undefined) return;
    this.#waiting.delete(message.replySerial ?? 0);
    if (type === ERROR) waiting.reject(new ReplyError(waiting.call, message.errorName, firstText(body)));
    else if (isWhole) waiting.resolve({ signature, body });
    else waiting.reject(senseless(waiting.call, new Error(`it is longer than ${longestBody} bytes`)));
  }
}

/** What an error says is its first argument, if that is a text. */
function firstText(body: readonly unknown[]): string {
  return typeof body[0] === 'string' ? body[0] : '';
}

/** The same value as the library has it: its own variants, and dictionaries as objects. */
function forLibrary(library: Library, value: unknown): unknown {
  const inside = (part: unknown): unknown => forLibrary(library, part);
  if (value instanceof Variant) return new library.Variant(value.signature, inside(value.value));
  if (Array.isArray(value)) return value.map(inside);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, part]) => [key, inside(part)]));
  return value;
}
