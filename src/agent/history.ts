import type Database from 'better-sqlite3';

import * as generations from './generation-rows.ts';
import { openToRead, openToWrite } from './history-file.ts';
import { noteAsLeft } from './history-note.ts';
import { historyError } from './history-schema.ts';
import * as operations from './operation-rows.ts';
import { operationTally } from './operation-tally.ts';
import * as prefetches from './prefetched-rows.ts';
import type {
  BadImage,
  ExtensionChange,
  Generation,
  Hold,
  InstalledExtension,
  OperationEnd,
  OperationRecord,
  OperationStart,
  OperationTally,
  Prefetched,
  StepRecord,
} from './records.ts';

export type {
  Actor,
  ExtensionChange,
  Generation,
  InstalledExtension,
  OperationEnd,
  OperationRecord,
  OperationResult,
  OperationStart,
  Verb,
} from './records.ts';

/** The record of what was done. An index: what is on disk stays usable when it is lost. */
export interface History extends Disposable {
  begin(start: OperationStart): number;
  /**
   * Notes what the operation `id` is about to do, before it does it: its generation is `pending` from now on.
   * @param extensions the set that is to be in force afterwards; undefined where that does not change.
   */
  intend(id: number, steps: readonly StepRecord[], extensions?: readonly InstalledExtension[]): void;
  /**
   * Ends an operation in one transaction: where it is `done` its generation is in force from now on.
   * @param rolledBack whether what it had merged was taken back, since the host was not well with it.
   */
  finish(id: number, end: OperationEnd, rolledBack?: boolean): void;
  /** Records an operation that needs no steps and that nothing can interrupt: found extensions, holds. */
  note(start: OperationStart, change: NotedChange): void;
  /** Marks operations as interrupted that never ended, since the process that ran them is gone. */
  abandonRunning(): void;
  /** The latest operations, newest first. */
  operations(limit: number): OperationRecord[];
  operation(id: number): OperationRecord | undefined;
  /** The latest operation that changed the extension in one of these ways. */
  latestChange(
    name: string,
    changes: readonly Exclude<ExtensionChange['change'], 'merged'>[],
  ): OperationRecord | undefined;
  /** The steps that an operation took, or planned where it was killed. */
  steps(id: number): StepRecord[];
  tally(): OperationTally;
  /** The extensions of the generation in force. */
  installed(): readonly InstalledExtension[];
  /** The generation of exactly this number, in whatever state. */
  generation(number: number): Generation | undefined;
  /** The generation that was in force when the operation of this number had ended. */
  generationAt(number: number): Generation | undefined;
  /** The newest generations that are or were in force and were not given up, newest first. */
  generations(limit: number): Generation[];
  /** Of these the newest that a boot was confirmed with. */
  confirmedGenerations(limit: number): Generation[];
  /** Every version of an extension from a place that was ever in force, and not given up. @param place as in PublishedRecord. */
  versionsFrom(place: string, name: string): string[];
  holds(): Hold[];
  /** Notes which generation this boot began with: the one in force when it is first seen. */
  noteBoot(bootId: string, now: Date): void;
  /** The number of the generation that this boot began with. */
  booted(bootId: string): number | undefined;
  /** Notes that a boot came up well, and that it did with this generation. */
  confirmBoot(bootId: string, generation: number | undefined, now: Date): void;
  /** The generation that the last boot began with that came up well; undefined where no boot ever did, by the record. */
  lastConfirmedBoot(): { readonly generation: number | undefined } | undefined;
  /** Images that wait for another version of the system. */
  prefetched(): Prefetched[];
  addPrefetched(image: Prefetched): void;
  removePrefetched(images: readonly Prefetched[]): void;
  badImages(): BadImage[];
  addBadImage(image: BadImage): void;
  removeBadImage(sha256: string): void;
}

/** What an operation changes of the record alone. */
export interface NotedChange {
  /** What is in force from now on, where that was found and not made. */
  readonly found?: readonly InstalledExtension[];
  readonly hold?: readonly Hold[];
  /** Names. */
  readonly unhold?: readonly string[];
}

export interface HistoryOptions {
  readonly writable: boolean;
  /** A file that says how the last writer left the history: one that is still like that is not looked through again. */
  readonly note?: string;
}

/**
 * Opens the history, creating or migrating it where `writable`.
 * A rollback journal and not WAL: only then can users other than root read a history that nobody has open.
 * @throws AgentError `io` where it is corrupt or of a newer agent, `read-only`, `disk-full`; so do its methods.
 */
export function openHistory(path: string, { writable, note }: HistoryOptions): History {
  let sound = true;
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      sound = false;
      throw historyError(path, error);
    }
  };
  const database = guard(() => (writable ? openToWrite(path, note) : openToRead(path)));
  return {
    ...readingsOf(database, guard),
    ...writingsOf(database, guard),
    [Symbol.dispose]: () => {
      database.close();
      if (writable && sound && note !== undefined) noteAsLeft(path, note);
    },
  };
}

/** Turns failures of the database into errors of ours. */
type Guard = <T>(work: () => T) => T;

type Readings = Pick<
  History,
  | 'operations'
  | 'operation'
  | 'latestChange'
  | 'steps'
  | 'tally'
  | 'installed'
  | 'generation'
  | 'generationAt'
  | 'generations'
  | 'holds'
  | 'confirmedGenerations'
  | 'versionsFrom'
  | 'booted'
  | 'lastConfirmedBoot'
  | 'prefetched'
  | 'badImages'
>;

function readingsOf(database: Database.Database, guard: Guard): Readings {
  return {
    operations: (limit) => guard(() => operations.latestOperations(database, limit)),
    operation: (id) => guard(() => operations.operationOf(database, id)),
    latestChange: (name, changes) => guard(() => operations.latestChange(database, name, changes)),
    steps: (id) => guard(() => operations.stepsOf(database, id)),
    tally: () => guard(() => operationTally(database)),
    installed: () => guard(() => generations.generationsInForce(database, 1)[0]?.extensions ?? []),
    generation: (number) => guard(() => generations.generationOf(database, number)),
    generationAt: (number) => guard(() => generations.generationAt(database, number)),
    generations: (limit) => guard(() => generations.generationsInForce(database, limit)),
    confirmedGenerations: (limit) => guard(() => generations.confirmedGenerations(database, limit)),
    lastConfirmedBoot: () => guard(() => generations.lastConfirmedBoot(database)),
    versionsFrom: (place, name) => guard(() => generations.versionsFrom(database, place, name)),
    prefetched: () => guard(() => prefetches.prefetched(database)),
    holds: () => guard(() => generations.holds(database)),
    booted: (bootId) => guard(() => generations.generationBooted(database, bootId)),
    badImages: () => guard(() => generations.badImages(database)),
  };
}

type Writings = Omit<History, keyof Readings | keyof Disposable>;

function writingsOf(database: Database.Database, guard: Guard): Writings {
  /** Runs in one transaction: all of it is recorded or nothing. */
  const write = (work: () => void) => {
    guard(() => {
      database.transaction(work)();
    });
  };
  return {
    begin: (start) => guard(() => operations.addOperation(database, start)),
    intend: (id, steps, extensions) => {
      write(() => {
        operations.replaceSteps(database, id, steps);
        if (extensions !== undefined) generations.addGeneration(database, id, 'pending', extensions);
      });
    },
    finish: (id, end, rolledBack = false) => {
      write(() => {
        operations.endOperation(database, id, end);
        if (end.result !== 'done') generations.give(database, id, rolledBack ? 'rolled-back' : 'failed');
        else if (generations.generationOf(database, id) !== undefined)
          generations.activate(database, id, end.givesUp === true ? 'given-up' : 'superseded');
      });
    },
    note: (start, change) => {
      write(() => {
        noteChange(database, operations.addOperation(database, start), change);
      });
    },
    abandonRunning: () => {
      write(() => database.exec(operations.abandonment));
    },
    noteBoot: (bootId, now) => {
      write(() => {
        generations.noteBoot(database, bootId, now);
      });
    },
    ...bootWritingsOf(database, write),
    addBadImage: (image) => {
      write(() => {
        generations.addBadImage(database, image);
      });
    },
    removeBadImage: (sha256) => {
      write(() => {
        generations.removeBadImage(database, sha256);
      });
    },
  };
}

/** What boots, and images that wait for one, leave in the record. */
function bootWritingsOf(
  database: Database.Database,
  write: (work: () => void) => void,
): Pick<History, 'confirmBoot' | 'addPrefetched' | 'removePrefetched'> {
  return {
    confirmBoot: (bootId, generation, now) => {
      write(() => {
        generations.confirmBoot(database, bootId, generation, now);
      });
    },
    addPrefetched: (image) => {
      write(() => {
        prefetches.addPrefetched(database, image);
      });
    },
    removePrefetched: (images) => {
      write(() => {
        for (const image of images) prefetches.removePrefetched(database, image);
      });
    },
  };
}

function noteChange(database: Database.Database, id: number, { found, hold = [], unhold = [] }: NotedChange): void {
  for (const one of hold) generations.addHold(database, one, id);
  for (const name of unhold) generations.removeHold(database, name);
  const end = { result: 'done', durationMs: 0, merged: [], extensions: [] } as const;
  if (found === undefined) {
    operations.endOperation(database, id, end);
    return;
  }
  generations.addGeneration(database, id, 'pending', found);
  generations.activate(database, id);
  const extensions = found.map(({ name, version, sha256, source, allowed }) => ({
    name,
    version,
    sha256,
    source,
    change: 'added' as const,
    allowed,
  }));
  operations.endOperation(database, id, { ...end, extensions });
}
