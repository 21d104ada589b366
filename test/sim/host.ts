import { backOff } from '../../src/agent/daemon/back-off.ts';
import type { BadImage } from '../../src/agent/records.ts';
import { isForgiven, rolledBackImages } from '../../src/agent/rolled-back.ts';
import type { Calendar } from './calendar.ts';
import type { Events } from './events.ts';
import type { Registry } from './registry.ts';
import type { Slots } from './slots.ts';
import { extension, type FleetWish } from './wish.ts';

/** What never changes about a host. */
export interface HostIdentity {
  readonly id: string;
  readonly wave: number;
  readonly site: number;
  readonly calendar: Calendar;
}

/** What a host has to do with. */
export interface World {
  readonly events: Events;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly slots: Slots;
  readonly registry: Registry;
  /** How long a change takes with its health checks, in milliseconds, and how it ends. */
  trial(host: HostIdentity, version: string): { readonly duration: number; readonly outcome: ChangeOutcome };
  /** Is told of every change when it ends, or would. */
  changed(change: Change): void;
}

/** `lost`: the host went away in mid-work. */
export type ChangeOutcome = 'well' | 'rolled-back' | 'lost';

export interface Change {
  readonly host: HostIdentity;
  readonly from: string;
  readonly to: string;
  readonly begin: number;
  readonly end: number;
  readonly outcome: ChangeOutcome;
}

/** What a pass comes to, as that of src/agent/daemon/loop.ts. */
interface Outcome {
  readonly mayPass: boolean;
  readonly again?: number;
  /** Whether a change waits for a window or a slot. */
  readonly waiting?: boolean;
  /** The change was undone, or never ends: the pass goes no further. */
  readonly ended?: 'failed' | 'lost';
}

const quiet: Outcome = { mayPass: false };

/**
 * The service on one host, as src/agent/daemon does it: a pass whenever it is called or tries again; images are fetched at
 * once, and changed in a window with a slot.
 */
export class Host {
  readonly identity: HostIdentity;
  readonly #world: World;
  #version: string;
  #wish: FleetWish;
  #upgradeDue = false;
  #failures = 0;
  #denied: readonly BadImage[] = [];
  /** Versions whose images are here: in the store, or fetched for it. */
  readonly #images: Set<string>;
  #state: 'resting' | 'working' | 'lost' = 'resting';
  #called = false;
  /** Whether the pass before left something waiting, and nobody has called since. */
  #waited = false;
  /** Counts the rests: what was planned for an earlier one counts no more. */
  #rests = 0;

  constructor(identity: HostIdentity, world: World, version: string, wish: FleetWish) {
    this.identity = identity;
    this.#world = world;
    this.#version = version;
    this.#wish = wish;
    this.#images = new Set([version]);
  }

  get version(): string {
    return this.#version;
  }

  get isWorking(): boolean {
    return this.#state === 'working';
  }

  get isLost(): boolean {
    return this.#state === 'lost';
  }

  /** The fleet's tool writes its drop-in. */
  configure(wish: FleetWish): void {
    this.#wish = wish;
    this.#call();
  }

  /** The timer leaves its note. */
  askForUpgrade(): void {
    this.#upgradeDue = true;
    this.#call();
  }

  #call(): void {
    this.#failures = 0;
    this.#called = true;
    if (this.#state === 'resting') this.#work();
  }

  #work(): void {
    this.#state = 'working';
    this.#waited &&= !this.#called;
    this.#called = false;
    this.#world.events.follow(this.#pass(), (outcome) => {
      this.#rest(outcome);
    });
  }

  #rest({ mayPass, again, waiting = false, ended }: Outcome): void {
    if (ended === 'lost') {
      this.#state = 'lost';
      return;
    }
    this.#state = 'resting';
    this.#failures = mayPass ? this.#failures + 1 : 0;
    this.#waited = waiting;
    const { events, random } = this.#world;
    const rest = ++this.#rests;
    const times = [
      ...(this.#called ? [events.now] : []),
      ...(mayPass ? [events.now + backOff(this.#failures, random())] : []),
      ...(again === undefined ? [] : [again]),
    ];
    if (times.length === 0) return;
    events.at(Math.min(...times), () => {
      if (this.#state === 'resting' && rest === this.#rests) this.#work();
    });
  }

  /** As pass() of src/agent/daemon/pass.ts. */
  *#pass(): Generator<number, Outcome> {
    const first = this.#wish.replaces(this.#version) ? yield* this.#bring(this.#wish.newest) : quiet;
    if (!this.#upgradeDue || first.ended !== undefined) return first;
    const window = this.identity.calendar.at(this.#world.events.now);
    if (!window.open) return { again: window.next.getTime(), waiting: true, ...first };
    const second = yield* this.#bring(this.#wish.newest);
    if (!second.mayPass && second.again === undefined) this.#upgradeDue = false;
    return { ...second, ...first, mayPass: first.mayPass || second.mayPass };
  }

  /**
   * As carryOut() of src/agent/fleet/reconcile.ts: the image is fetched first, then it is asked whether it may be merged;
   * what waited already asks first.
   */
  *#bring(version: string): Generator<number, Outcome> {
    const { events, slots } = this.#world;
    const asked = this.#waited ? this.#refusal() : undefined;
    if (asked !== undefined) return asked;
    const begin = events.now;
    const hasSlot = this.#waited;
    const isWanted = yield* this.#look(version);
    if (!isWanted) {
      if (hasSlot) slots.giveBack(this.identity.id);
      return quiet;
    }
    const refusal = hasSlot ? undefined : this.#refusal();
    return refusal ?? (yield* this.#change(version, hasSlot ? begin : events.now));
  }

  /** As permissionNow() of src/agent/unattended/permission.ts: takes a slot, or tells why there is none. */
  #refusal(): Outcome | undefined {
    const { events, slots } = this.#world;
    const window = this.identity.calendar.at(events.now);
    if (!window.open) return { mayPass: false, again: window.next.getTime(), waiting: true };
    return slots.take(this.identity.id) ? undefined : { mayPass: true, waiting: true };
  }

  /** Looks at the registry, and fetches the image; whether it is to be merged. */
  *#look(version: string): Generator<number, boolean> {
    const { events, registry } = this.#world;
    const { site } = this.identity;
    yield registry.look(site, version, events.now);
    if (!this.#images.has(version)) {
      yield registry.fetch(site, version, events.now);
      this.#images.add(version);
    }
    const isDenied = rolledBackImages(this.#denied, extension).some((bad) => bad.sha256 === version);
    return version !== this.#version && !isDenied;
  }

  /** @param begin when it was permitted. */
  *#change(version: string, begin: number): Generator<number, Outcome> {
    const { events, slots } = this.#world;
    const { duration, outcome } = this.#world.trial(this.identity, version);
    const change = { host: this.identity, from: this.#version, to: version, begin, outcome };
    yield duration;
    if (outcome === 'well') this.#take(version);
    if (outcome === 'rolled-back') this.#deny(version);
    this.#world.changed({ ...change, end: events.now });
    if (outcome === 'lost') return { mayPass: false, ended: 'lost' };
    // Whether it stays or was undone: src/agent/unattended/permission.ts gives the slot back.
    slots.giveBack(this.identity.id);
    return outcome === 'well' ? quiet : { mayPass: true, ended: 'failed' };
  }

  #take(version: string): void {
    this.#version = version;
    this.#denied = this.#denied.filter((bad) => !isForgiven(bad, { name: extension, sha256: version, version }));
  }

  /** No set that was in force needs its image: the store loses it. */
  #deny(version: string): void {
    const since = new Date(this.#world.events.now);
    const bad = { name: extension, version, sha256: version, kind: 'unhealthy', reason: '', since } as const;
    this.#denied = [...this.#denied, bad];
    this.#images.delete(version);
  }
}
