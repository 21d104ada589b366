import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { deadlineIn, within, type Deadline } from '../../host/deadline.ts';
import { retryDelay } from '../../host/retry.ts';
import type { BusCall } from '../bus.ts';
import { cannotConnect } from './errors.ts';
import type { BusService, IncomingCall, OutgoingSignal } from './incoming.ts';
import { busName, busPath, type Signal, type SignalMatch } from './match.ts';
import { openSession, usualTimeout, type Listener, type Session } from './session.ts';
import { decodeAs, single, uint32, WrongTypeError, type Decoder } from './values.ts';

export const systemBusAddress = 'unix:path=/run/dbus/system_bus_socket';

export interface BusOptions {
  readonly clock: Clock;
  /** Where the bus is: the system bus unless given. */
  readonly address?: string;
  /** A number in [0, 1): spreads those who all lost the bus at the same moment. */
  readonly random?: () => number;
}

export interface CallOptions {
  /** How long the answer may take, in milliseconds, with connecting where that is needed; 25,000 unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What is done with signals. */
export interface SignalHandler<T> {
  /** A signal came; one with other arguments than it must have is passed over. */
  signal(value: T): void;
  /**
   * Signals may have been missed: the connection broke and is back, or the sender is another process now. What they
   * tell must be read anew. At the end of the bus it comes once more: who waits for a signal learns by the next call.
   */
  missed?(): void;
}

/** Disposed of when no signals are wanted any more: its match rule then goes, unless others use it. */
export type Subscription = AsyncDisposable;

/** A message bus, connected when it is first used, and again after the connection broke. */
export interface Bus extends AsyncDisposable {
  /**
   * Calls a method and decodes its answer.
   * @throws AgentError `bus-unavailable` without a bus or the service, or when the connection breaks before the answer:
   *   the next call connects anew; `bus-timeout`, `access-denied`, `interrupted`, `bus-failed` for everything else. An
   *   error that the service sent is a ReplyError.
   */
  call<T>(call: BusCall, reply: Decoder<T>, options?: CallOptions): Promise<T>;
  /**
   * Hears signals from when this returns until the subscription is disposed of; over a connection that broke it comes
   * back by itself. Only what the owner of the sender's name sends is heard.
   * @throws AgentError as call() does.
   */
  subscribe<T>(
    match: SignalMatch,
    value: Decoder<T>,
    handler: SignalHandler<T>,
    options?: CallOptions,
  ): Promise<Subscription>;
  /**
   * Answers calls in a name, from now on and at every new connection, until the bus is disposed of. Where another has
   * the name we get it when that one goes. One service for each bus.
   */
  serve(service: BusService): void;
  /** Sends a signal to everyone. Without a connection nobody listens, and nothing is sent. */
  emit(signal: OutgoingSignal): void;
}

/** What RequestName answers where another has the name, and we wait for it. */
const inQueue = 2;

/** How long a bus may take to let us in, in milliseconds. */
const connectTimeout = 10_000;

export function createBus({ clock, address = systemBusAddress, random = Math.random }: BusOptions): Bus {
  return new ReconnectingBus(clock, address, random);
}

class ReconnectingBus implements Bus {
  readonly #clock: Clock;
  readonly #address: string;
  readonly #random: () => number;
  readonly #listeners = new Set<Listener>();
  readonly #ended = new AbortController();
  #session: Promise<Session> | undefined;
  #isRestoring = false;
  #service: BusService | undefined;

  constructor(clock: Clock, address: string, random: () => number) {
    this.#clock = clock;
    this.#address = address;
    this.#random = random;
  }

  async call<T>(call: BusCall, reply: Decoder<T>, options: CallOptions = {}): Promise<T> {
    const deadline = this.#deadline(options);
    const session = await this.#connected(deadline);
    return session.call(call, reply, deadline);
  }

  async subscribe<T>(
    match: SignalMatch,
    value: Decoder<T>,
    handler: SignalHandler<T>,
    options: CallOptions = {},
  ): Promise<Subscription> {
    const listener = {
      match,
      signal: decoding(value, handler),
      missed: () => {
        attemptApart(() => handler.missed?.());
      },
    };
    this.#listeners.add(listener);
    const subscription = { [Symbol.asyncDispose]: () => this.#unsubscribe(listener) };
    try {
      const session = await this.#connected(this.#deadline(options));
      await session.attach(listener);
      return subscription;
    } catch (error) {
      await this.#unsubscribe(listener);
      throw error;
    }
  }

  serve(service: BusService): void {
    this.#service = service;
    void this.#begin(service);
  }

  /** A connection that there is already was made without the name. */
  async #begin(service: BusService): Promise<void> {
    const present = await settled(this.#session);
    try {
      if (present !== undefined) await this.#claim(present, service);
    } catch {
      present?.close();
    }
    if (present === undefined) void this.#restore();
  }

  emit(signal: OutgoingSignal): void {
    const sent = this.#session?.then((session) => {
      session.emit(signal);
    });
    void settled(sent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#service = undefined;
    this.#ended.abort();
    const session = await settled(this.#session);
    this.#session = undefined;
    session?.close();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener.missed();
  }

  #deadline({ timeoutMs = usualTimeout, signal }: CallOptions): Deadline {
    return deadlineIn(this.#clock, timeoutMs, signal);
  }

  async #unsubscribe(listener: Listener): Promise<void> {
    this.#listeners.delete(listener);
    const session = await settled(this.#session);
    // A connection that is lost takes its match rules along.
    await settled(session?.detach(listener));
  }

  async #connected(deadline: Deadline): Promise<Session> {
    const late = () => cannotConnect(this.#address, 'it did not answer in time');
    return within(deadline, 'connecting to the message bus', this.#connect(), late);
  }

  /** The session there is, or a new one: all that ask at the same time get the same. */
  #connect(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const lost = () => {
      if (this.#session === session) this.#session = undefined;
      void this.#restore();
    };
    const session = this.#open(lost);
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    this.#session = session;
    return session;
  }

  async #open(lost: () => void): Promise<Session> {
    if (this.#ended.signal.aborted) throw new AgentError('interrupted', 'the connection to the message bus was closed');
    const deadline = deadlineIn(this.#clock, connectTimeout, this.#ended.signal);
    const called = (call: IncomingCall) => {
      this.#service?.called(call);
      return this.#service !== undefined;
    };
    const session = await openSession(this.#address, this.#clock, { called, closed: lost }, deadline);
    try {
      if (this.#service !== undefined) await this.#claim(session, this.#service);
      await Promise.all(Array.from(this.#listeners, (listener) => session.attach(listener)));
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Asks for the name of a service, without taking it from anyone. */
  async #claim(session: Session, service: BusService): Promise<void> {
    const target = { destination: busName, path: busPath, interface: busName };
    const call = { ...target, member: 'RequestName', signature: 'su', body: [service.name, 0] };
    try {
      const reply = await session.call(call, single(uint32), deadlineIn(this.#clock, connectTimeout));
      service.named(reply === inQueue ? 'taken' : 'owned');
    } catch (error) {
      if (!isAgentError(error, 'access-denied')) throw error;
      service.named('refused');
    }
  }

  /** Connects again, as long as anyone wants signals or serves. */
  async #restore(): Promise<void> {
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    for (let failures = 0; this.#isWanted() && !this.#ended.signal.aborted; failures++) {
      if (await this.#isRestored(failures)) break;
    }
    this.#isRestoring = false;
  }

  #isWanted(): boolean {
    return this.#listeners.size > 0 || this.#service !== undefined;
  }

  async #isRestored(failures: number): Promise<boolean> {
    try {
      if (failures > 0) await this.#clock.sleep(retryDelay(failures, this.#random()), this.#ended.signal);
      await this.#connect();
    } catch {
      return false;
    }
    for (const listener of this.#listeners) listener.missed();
    return true;
  }
}

function decoding<T>(value: Decoder<T>, handler: SignalHandler<T>): (signal: Signal) => void {
  return ({ signature, body }) => {
    attemptApart(() => {
      handler.signal(decodeAs(value, signature, body));
    });
  };
}

/** What a handler throws is a mistake of this program, and none of the one who sent the signal. */
function attemptApart(handle: () => void): void {
  try {
    handle();
  } catch (error) {
    if (error instanceof WrongTypeError) return;
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The value of a promise; undefined where it fails. */
async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}
