import { createHash } from 'node:crypto';

import { days } from '../../src/core/windows.ts';
import { Calendar } from './calendar.ts';
import { Events } from './events.ts';
import { Host, type Change, type ChangeOutcome, type HostIdentity, type World } from './host.ts';
import type { Signed } from './look.ts';
import { hashBelow, randomNumbers } from './random.ts';
import { Registry } from './registry.ts';
import { verdictOn, waveOf, type Progress } from './rollout.ts';
import { Slots } from './slots.ts';
import { spreadOfTimer } from './timer.ts';
import { wishFor, type FleetWish } from './wish.ts';

export interface Scenario {
  readonly hosts: number;
  readonly seed: number;
  readonly sites: number;
  /** How many hosts of a hundred are in each wave. */
  readonly waves: readonly number[];
  readonly slots: number;
  /** Over how many minutes each host spreads the beginning of its window by itself; negative: as it does unasked. */
  readonly ownSpread: number;
  /** Over how many minutes the tool spreads the beginnings of the hosts' windows; all end at the same time. */
  readonly windowSpread: number;
  /** Over how many minutes the fleet's tool reaches the hosts of a wave. */
  readonly toolMinutes: number;
  readonly imageMebibytes: number;
  readonly hostMegabits: number;
  readonly signed: Signed;
  /** How many of a hundred hosts are not well with the first version that is rolled out. */
  readonly badPercent: number;
  /** How many of a hundred hosts go away in mid-work with it. */
  readonly lostPercent: number;
  /** The share of a wave that may fail. */
  readonly tolerance: number;
  /** How long after a failure someone has seen it. */
  readonly alertMinutes: number;
}

export const usualScenario: Scenario = {
  hosts: 10_000,
  seed: 1,
  sites: 20,
  waves: [1, 9, 90],
  slots: 100,
  ownSpread: -1,
  windowSpread: 0,
  toolMinutes: 30,
  imageMebibytes: 64,
  hostMegabits: 100,
  signed: 'index',
  badPercent: 30,
  lostPercent: 0,
  tolerance: 0.02,
  alertMinutes: 10,
};

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

/** A Monday, when the rollout begins; two days before, the fleet is as it was left. */
const midnight = Date.UTC(2026, 9, 5);
const begin = midnight - 36 * hour;
const quietBegin = midnight - 12 * hour;
const versions = { before: '37.0.1', first: '37.0.2', fixed: '37.0.3' } as const;

/** The window of every host, in minutes of the day; and when the tool begins a wave. */
const [opens, closes, toolBegins] = [22 * 60, 4 * 60, 20 * hour];
/** A window begins on its own day. */
const mostSpread = 24 * 60 - opens;
const changeSeconds = { shortest: 20, longest: 70 };
const longestDays = 10;

/** Something that the administrator did. */
export interface Move {
  readonly time: number;
  readonly what: 'wave' | 'stop';
  /** The waves that get the version, from 0. */
  readonly wave: number;
  readonly version: string;
}

export interface Simulated {
  readonly scenario: Scenario;
  /** From noon to noon before anything was published: only timers. */
  readonly quiet: Period;
  /** From then on until all that may have it have the last version, to the next noon. */
  readonly rollout: Period;
  readonly registry: Registry;
  readonly slots: { readonly asked: number; readonly refused: number; readonly taken: number };
  readonly moves: readonly Move[];
  readonly changes: readonly Change[];
  /** How many hosts have which version in the end; `lost` for those that went away. */
  readonly end: Readonly<Record<string, number>>;
}

export interface Period {
  readonly begin: number;
  readonly end: number;
}

/**
 * Rolls a version out to a fleet. The same scenario gives the same numbers.
 * @throws RangeError for a scenario that cannot be.
 */
export async function simulate(scenario: Scenario): Promise<Simulated> {
  if (scenario.windowSpread > mostSpread) throw new RangeError(`windows begin within ${mostSpread} minutes`);
  const published = Object.values(versions);
  const wishes = new Map(
    await Promise.all(published.map(async (one) => [one, await wishFor(one, published)] as const)),
  );
  return new Fleet(scenario, wishes).run();
}

class Fleet {
  readonly #scenario: Scenario;
  readonly #wishes: ReadonlyMap<string, FleetWish>;
  readonly #events = new Events(begin);
  readonly #random: () => number;
  readonly #registry: Registry;
  readonly #slots: Slots;
  readonly #hosts: readonly Host[];
  readonly #moves: Move[] = [];
  readonly #changes: Change[] = [];
  #isOver = false;
  /** The version that is rolled out, and the last wave that has it. */
  #rollout: { version: string; wave: number; stopped: boolean };

  constructor(scenario: Scenario, wishes: ReadonlyMap<string, FleetWish>) {
    this.#scenario = scenario;
    this.#wishes = wishes;
    this.#random = randomNumbers(scenario.seed);
    this.#slots = new Slots(scenario.slots);
    this.#registry = new Registry({
      sites: scenario.sites,
      imageBytes: scenario.imageMebibytes * 1024 ** 2,
      hostBits: scenario.hostMegabits * 1e6,
      signed: scenario.signed,
    });
    this.#rollout = { version: versions.first, wave: -1, stopped: false };
    this.#hosts = this.#makeHosts();
  }

  run(): Simulated {
    for (let date = 0; date < longestDays; date++) {
      this.#events.at(midnight + date * day + toolBegins, () => {
        this.#decide();
      });
    }
    this.#events.run(() => this.#events.now >= midnight + longestDays * day || this.#isOver);
    const end = quietBegin + Math.ceil((this.#events.now - quietBegin) / day) * day;
    return {
      scenario: this.#scenario,
      quiet: { begin: quietBegin, end: quietBegin + day },
      rollout: { begin: quietBegin + day, end },
      registry: this.#registry,
      slots: { asked: this.#slots.asked, refused: this.#slots.refused, taken: this.#slots.taken - this.#slotsInUse() },
      moves: this.#moves,
      changes: this.#changes,
      end: countsOf(this.#hosts.map((host) => (host.isLost ? 'lost' : host.version))),
    };
  }

  #makeHosts(): readonly Host[] {
    const { hosts, seed, sites, waves, windowSpread, ownSpread } = this.#scenario;
    const world: World = {
      events: this.#events,
      random: this.#random,
      slots: this.#slots,
      registry: this.#registry,
      trial: (host, version) => this.#trial(host, version),
      changed: (change) => {
        this.#changed(change);
      },
    };
    const spread = spreadOfTimer();
    return Array.from({ length: hosts }, (_, index) => {
      const id = createHash('sha256').update(`${seed} ${index}`).digest('hex').slice(0, 32);
      const from = opens + hashBelow(Math.max(1, windowSpread), `window ${id}`);
      const window = { days, from, to: closes, zone: 'UTC', ...(ownSpread < 0 ? {} : { spread: ownSpread * minute }) };
      const calendar = new Calendar([window], hashBelow(2 ** 32, `share ${id}`) / 2 ** 32);
      const identity = { id, site: index % sites, wave: waveOf(hashBelow(100, id), waves), calendar };
      const host = new Host(identity, world, versions.before, this.#wish(versions.before));
      this.#everyDay(midnight - 2 * day + hashBelow(spread, `timer ${id}`), host);
      return host;
    });
  }

  /** Slots of hosts that are looking whether there is anything to change: they will give them back. */
  #slotsInUse(): number {
    return this.#hosts.filter(({ isWorking, identity }) => isWorking && this.#slots.has(identity.id)).length;
  }

  #everyDay(first: number, host: Host): void {
    const next = first + day;
    this.#events.at(next, () => {
      host.askForUpgrade();
      this.#everyDay(next, host);
    });
  }

  #trial({ id }: HostIdentity, version: string): { readonly duration: number; readonly outcome: ChangeOutcome } {
    const { badPercent, lostPercent, seed } = this.#scenario;
    const { shortest, longest } = changeSeconds;
    const duration = (shortest + this.#random() * (longest - shortest)) * 1000;
    const fate = hashBelow(10_000, `fate ${seed} ${id}`) / 100;
    if (version !== versions.first || fate >= badPercent + lostPercent) return { duration, outcome: 'well' };
    return { duration, outcome: fate < badPercent ? 'rolled-back' : 'lost' };
  }

  #changed(change: Change): void {
    this.#changes.push(change);
    this.#isOver = this.#isDone();
    if (change.outcome === 'well') return;
    this.#events.at(this.#events.now + this.#scenario.alertMinutes * minute, () => {
      if (this.#verdict() === 'stop') this.#stop();
    });
  }

  /** What the administrator does every evening. */
  #decide(): void {
    const { version, wave, stopped } = this.#rollout;
    if (stopped) this.#beginWave(versions.fixed, 0);
    else if (wave < 0 || this.#verdict() === 'go on') this.#beginWave(version, wave + 1);
    else if (this.#verdict() === 'stop') this.#stop();
  }

  #verdict() {
    return verdictOn(this.#progress(), this.#scenario.tolerance);
  }

  #progress(): Progress {
    const { version, wave } = this.#rollout;
    const ended = { well: 0, 'rolled-back': 0, lost: 0 };
    for (const { to, outcome } of this.#changes) if (to === version) ended[outcome]++;
    return { hosts: this.#hosts.filter((host) => host.identity.wave <= wave && isThere(host, version)).length, ended };
  }

  #beginWave(version: string, wave: number): void {
    if (wave >= this.#scenario.waves.length) return;
    this.#rollout = { version, wave, stopped: false };
    this.#write('wave', version, wave, (host) => host.identity.wave === wave);
  }

  /** The version before is written again for everyone who was to have this one. */
  #stop(): void {
    const { wave, stopped } = this.#rollout;
    if (stopped) return;
    this.#rollout.stopped = true;
    this.#write('stop', versions.before, wave, (host) => host.identity.wave <= wave);
  }

  #write(what: Move['what'], version: string, wave: number, isMeant: (host: Host) => boolean): void {
    const { now } = this.#events;
    this.#moves.push({ time: now, what, wave, version });
    for (const host of this.#hosts.filter(isMeant)) {
      this.#events.at(now + this.#random() * this.#scenario.toolMinutes * minute, () => {
        host.configure(this.#wish(version));
      });
    }
  }

  #wish(version: string): FleetWish {
    const wish = this.#wishes.get(version);
    if (wish === undefined) throw new RangeError(`${version} was never published`);
    return wish;
  }

  #isDone(): boolean {
    const { version, wave, stopped } = this.#rollout;
    if (stopped || wave < this.#scenario.waves.length - 1) return false;
    return this.#hosts.every((host) => host.isLost || host.version === version);
  }
}

/** Whether a host counts in the progress of a version: who went away before it came does not. */
function isThere(host: Host, version: string): boolean {
  return !host.isLost || version === versions.first;
}

function countsOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
