import type { Clock } from '../host/clock.ts';
import type { Bus, CallOptions } from './bus/client.ts';
import { ReplyError } from './bus/errors.ts';
import { readProperties, toManager, unitPath } from './bus/systemd1.ts';
import {
  array,
  flag,
  mapped,
  nothing,
  objectPath,
  properties,
  several,
  single,
  struct,
  text,
  uint32,
  type Variant,
} from './bus/values.ts';
import { runJob, type JobResult } from './jobs.ts';
import { unitStatusOf, type UnitStatus } from './unit-status.ts';

/** What can be asked of a unit, in systemctl(1)'s words. */
export type UnitVerb = 'start' | 'stop' | 'restart' | 'reload-or-restart';

/** A unit in a list. */
export interface ListedUnit {
  readonly name: string;
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
}

/** Settings of a unit by their names on the bus, which are not always those of unit files. */
export type UnitSettings = Readonly<Record<string, Variant>>;

export interface EnableOptions extends CallOptions {
  /** Until the next boot only. */
  readonly runtime?: boolean;
}

/**
 * The manager of systemd's units, over the bus (org.freedesktop.systemd1(5)). Everything takes a deadline and a signal,
 * and fails as Bus.call() does.
 */
export interface UnitManager {
  /** Queues a job and waits until it has ended. A unit that there is not is an error, a job that fails is a value. */
  act(verb: UnitVerb, unit: string, options?: CallOptions): Promise<JobResult>;
  /** Makes a unit that has no file, starts it, and waits until that job has ended. */
  startTransient(unit: string, settings: UnitSettings, options?: CallOptions): Promise<JobResult>;
  /** Reads all unit files anew (daemon-reload), and returns when that is done. */
  reload(options?: CallOptions): Promise<void>;
  /** What is known of a unit. One that there is not has the load state `not-found`. */
  status(unit: string, options?: CallOptions): Promise<UnitStatus>;
  /** The units of these names, also those that there are not. */
  list(names: readonly string[], options?: CallOptions): Promise<ListedUnit[]>;
  /** The loaded units that fit one of the shell patterns. */
  listMatching(patterns: readonly string[], options?: CallOptions): Promise<ListedUnit[]>;
  /** `enabled`, `disabled`, `static`, `masked`, ...; `not-found` where there is no unit file. */
  fileState(unit: string, options?: CallOptions): Promise<string>;
  enable(units: readonly string[], options?: EnableOptions): Promise<void>;
  disable(units: readonly string[], options?: EnableOptions): Promise<void>;
  /** Forgets that a unit failed: then nothing keeps one without a file. */
  resetFailed(unit: string, options?: CallOptions): Promise<void>;
}

const methods: Readonly<Record<UnitVerb, string>> = {
  start: 'StartUnit',
  stop: 'StopUnit',
  restart: 'RestartUnit',
  'reload-or-restart': 'ReloadOrRestartUnit',
};

/** How long reading all unit files anew may take, in milliseconds: on big hosts it takes seconds. */
const reloadTimeout = 90_000;

const unitList = mapped(
  single(array(struct(text, text, text, text, text, text, objectPath, uint32, text, objectPath))),
  (units) => units.map(([name, , loadState, activeState, subState]) => ({ name, loadState, activeState, subState })),
);

const linkChanges = array(struct(text, text, text));

export function createManager(bus: Bus, clock: Clock): UnitManager {
  const job = (unit: string, options: CallOptions, member: string, signature: string, ...body: readonly unknown[]) =>
    runJob(
      bus,
      clock,
      unit,
      () => bus.call(toManager(member, signature, ...body), single(objectPath), options),
      options,
    );
  return {
    act: (verb, unit, options = {}) => job(unit, options, methods[verb], 'ss', unit, 'replace'),
    startTransient: (unit, settings, options = {}) =>
      job(unit, options, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', unit, 'fail', Object.entries(settings), []),
    reload: async (options) => {
      await bus.call(toManager('Reload'), nothing, { timeoutMs: reloadTimeout, ...options });
    },
    status: (unit, options) =>
      bus.call(readProperties(unitPath(unit)), mapped(single(properties), unitStatusOf), options),
    list: (names, options) => bus.call(toManager('ListUnitsByNames', 'as', names), unitList, options),
    listMatching: (patterns, options) =>
      bus.call(toManager('ListUnitsByPatterns', 'asas', [], patterns), unitList, options),
    fileState: (unit, options) => fileState(bus, unit, options),
    enable: async (units, { runtime = false, ...options } = {}) => {
      const call = toManager('EnableUnitFiles', 'asbb', units, runtime, false);
      await bus.call(call, several(flag, linkChanges), options);
    },
    disable: async (units, { runtime = false, ...options } = {}) => {
      await bus.call(toManager('DisableUnitFiles', 'asb', units, runtime), single(linkChanges), options);
    },
    resetFailed: async (unit, options) => {
      await bus.call(toManager('ResetFailedUnit', 's', unit), nothing, options);
    },
  };
}

/** Without a file systemd gives an error, of another name in some versions. */
const noUnitFile = /\.(NoSuchUnitFile|NoSuchUnit|FileNotFound|NoSuchFile)$/;

async function fileState(bus: Bus, unit: string, options?: CallOptions): Promise<string> {
  try {
    return await bus.call(toManager('GetUnitFileState', 's', unit), single(text), options);
  } catch (error) {
    if (error instanceof ReplyError && noUnitFile.test(error.errorName)) return 'not-found';
    throw error;
  }
}
