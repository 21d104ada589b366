import type { Clock } from '../../host/clock.ts';
import { deadlineIn, within, type Deadline } from '../../host/deadline.ts';
import { openConnection, type BusCall, type Connection } from '../bus.ts';
import { senseless, unanswered } from './errors.ts';
import type { IncomingCall, OutgoingSignal } from './incoming.ts';
import { busName, busPath, isMeant, ruleOf, type Signal, type SignalMatch } from './match.ts';
import { MatchRules, NameOwners, type AskBus } from './rules.ts';
import { decodeAs, WrongTypeError, type Decoder } from './values.ts';

/** How long an answer may take, in milliseconds, where nobody says otherwise: as in sd-bus. */
export const usualTimeout = 25_000;

/** Who hears signals. Its methods must not throw. */
export interface Listener {
  readonly match: SignalMatch;
  signal(signal: Signal): void;
  /** Signals may have been missed. */
  missed(): void;
}

/** What a session tells besides signals: it must not throw. */
export interface SessionEvents {
  /** A call came. Tells whether anyone takes it. */
  called(call: IncomingCall): boolean;
  /** The connection is no more, for whatever reason. */
  closed(): void;
}

/**
 * Connects to the bus.
 * @throws AgentError `bus-unavailable`, `interrupted`.
 */
export async function openSession(
  address: string,
  clock: Clock,
  events: SessionEvents,
  deadline: Deadline,
): Promise<Session> {
  const opened: { session?: Session } = {};
  const signal = (signal: Signal) => opened.session?.take(signal);
  const connection = await openConnection(address, { ...events, signal }, deadline);
  opened.session = new Session(connection, clock);
  return opened.session;
}

/** What begins and ends with one connection: its calls, its match rules, and what is known of the owners of names. */
export class Session {
  readonly #connection: Connection;
  readonly #rules: MatchRules;
  readonly #owners: NameOwners;
  readonly #listeners = new Map<Listener, Promise<unknown>>();

  constructor(connection: Connection, clock: Clock) {
    const ask: AskBus = (member, argument, reply) =>
      this.call(
        { destination: busName, path: busPath, interface: busName, member, signature: 's', body: [argument] },
        reply,
        deadlineIn(clock, usualTimeout),
      );
    this.#connection = connection;
    this.#rules = new MatchRules(ask);
    this.#owners = new NameOwners(ask, this.#rules);
  }

  close(): void {
    this.#connection.close();
  }

  /** @throws AgentError as Bus.call() does. */
  async call<T>(call: BusCall, reply: Decoder<T>, deadline: Deadline): Promise<T> {
    const milliseconds = Math.round(deadline.end - deadline.clock.monotonic());
    const sent = this.#connection.send(call);
    try {
      const late = () => unanswered(call, milliseconds);
      const { signature, body } = await within(deadline, `the call ${call.member}`, sent.answer, late);
      return decodeAs(reply, signature, body);
    } catch (error) {
      throw error instanceof WrongTypeError ? senseless(call, error) : error;
    } finally {
      sent.forget();
    }
  }

  /** @throws AgentError as Bus.call() does. */
  emit(signal: OutgoingSignal): void {
    this.#connection.emit(signal);
  }

  /** The listener hears when this is done; one that does already goes on. */
  async attach(listener: Listener): Promise<void> {
    const { match } = listener;
    const attached =
      this.#listeners.get(listener) ?? Promise.all([this.#rules.use(ruleOf(match)), this.#owners.follow(match.sender)]);
    this.#listeners.set(listener, attached);
    await attached;
  }

  async detach(listener: Listener): Promise<void> {
    if (!this.#listeners.delete(listener)) return;
    const { match } = listener;
    await Promise.all([this.#rules.leave(ruleOf(match)), this.#owners.leave(match.sender)]);
  }

  take(signal: Signal): void {
    const renewed = this.#owners.note(signal);
    for (const listener of this.#listeners.keys()) {
      const { match } = listener;
      if (match.sender === renewed) listener.missed();
      if (isMeant(match, this.#owners.of(match.sender), signal)) listener.signal(signal);
    }
  }
}
