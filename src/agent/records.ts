/** What the history keeps. */

import type { ClassName } from '../core/extension-class.ts';
import type { HealthCheck } from '../core/health.ts';
import type { AllowedRecord } from './allowed.ts';
import type { Owner } from './owner.ts';
import type { PublishedRecord } from './published-record.ts';

export type Verb =
  | 'install'
  | 'remove'
  | 'rollback'
  | 'apply'
  | 'merge'
  | 'unmerge'
  | 'refresh'
  | 'hold'
  | 'unhold'
  | 'gc'
  /** Images were put into the store for another version of the system. */
  | 'prefetch'
  /** What was done before systemd merged at boot. */
  | 'boot'
  /** Extensions that were found in place after the history was lost. */
  | 'adopt';

/** Who asked for an operation. */
export interface Actor {
  readonly uid: number;
  /** The user who logged in, where that is another one (sudo); from the kernel's audit record. */
  readonly loginUid?: number;
  readonly command: string;
}

/** An extension that an operation changed, or found merged afterwards. */
export interface ExtensionChange {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly source: string;
  readonly change: 'added' | 'replaced' | 'removed' | 'kept' | 'merged';
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
}

export interface OperationStart {
  readonly verb: Verb;
  /** What it is about, where that is not system extensions. */
  readonly class?: ClassName;
  readonly startedAt: Date;
  readonly actor: Actor;
  /** Why, in the words of who asked. */
  readonly reason?: string;
  /** The host's system as `ID VERSION_ID`. */
  readonly os: string;
  /** Version of systemd-sysext, such as `257.13`. */
  readonly systemd: string;
}

export type OperationResult = 'running' | 'done' | 'failed' | 'interrupted';

/** A step of an operation: what and why, and where it was taken, when and for how long. */
export interface StepRecord {
  readonly description: string;
  readonly reason: string;
  readonly startedAt?: Date;
  readonly durationMs?: number;
  /** Where it failed: what was said, line by line; of a merge, whether there was a gap. */
  readonly said?: readonly string[];
}

export interface OperationEnd {
  readonly result: Exclude<OperationResult, 'running'>;
  readonly durationMs: number;
  readonly error?: string;
  /** Names merged when the operation had ended. */
  readonly merged: readonly string[];
  readonly extensions: readonly ExtensionChange[];
  /** The steps that were taken; left out, the planned ones stay. */
  readonly steps?: readonly StepRecord[];
  /** Whether the generation that was in force until then is given up. */
  readonly givesUp?: boolean;
}

export interface OperationRecord extends OperationStart {
  readonly id: number;
  readonly result: OperationResult;
  /** The state of the generation of this number; absent where the operation made none. */
  readonly state?: GenerationState;
  /** When a boot with that generation came up well, for the first time. */
  readonly confirmedAt?: Date;
  readonly durationMs?: number;
  readonly error?: string;
  readonly merged: readonly string[];
  readonly extensions: readonly ExtensionChange[];
}

/** What was done, and of what where that is not system extensions: `refresh`, `refresh (confext)`. */
export function operationTitle(operation: Pick<OperationRecord, 'verb' | 'class'>): string {
  return operation.class === undefined ? operation.verb : `${operation.verb} (${operation.class})`;
}

/** What the operations that ended add up to. */
export interface OperationTally {
  readonly counts: readonly {
    readonly verb: Verb;
    readonly result: OperationEnd['result'];
    readonly count: number;
  }[];
  /** The last operation of each kind and result. */
  readonly latest: readonly {
    readonly id: number;
    readonly verb: Verb;
    readonly result: OperationEnd['result'];
    readonly durationMs: number;
    readonly endedAt: Date;
  }[];
  /** Sets that were taken back since the host was not well with them. */
  readonly rolledBack: number;
  /** How long systemd-sysext took when it last changed what is merged; absent where that is not known. */
  readonly mergeMs?: number;
}

/** An extension that this agent installed, and the image that fills it. */
export interface InstalledExtension {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly size: number;
  readonly kind: 'raw' | 'directory';
  readonly source: string;
  /** Text of the extension-release file that counts for it; empty where it has none. */
  readonly release: string;
  readonly installedAt: Date;
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
  /** What its spec says of its health; absent where there is none. */
  readonly health?: readonly HealthCheck[];
  /** Whose it is; absent where a person installed it. */
  readonly owner?: Owner;
  /** Absent where it was not fetched. */
  readonly published?: PublishedRecord;
}

/**
 * - `pending`: its operation is under way, or was killed;
 * - `active`: it is in force; of these there is at most one;
 * - `superseded`: it was in force;
 * - `failed`: it never was: its operation failed or was killed;
 * - `rolled-back`: it was merged, and taken back since the host was not well with it;
 * - `given-up`: it was in force, and boots with it did not come up well.
 */
export type GenerationState = 'pending' | 'active' | 'superseded' | 'failed' | 'rolled-back' | 'given-up';

/** An immutable set of extensions, which has the number of the operation that made it. */
export interface Generation {
  readonly number: number;
  /** The generation that was in force before it; absent where there was none. */
  readonly parent?: number;
  readonly state: GenerationState;
  readonly madeAt: Date;
  /** When a boot with it came up well, for the first time; absent where none did. */
  readonly confirmedAt?: Date;
  readonly extensions: readonly InstalledExtension[];
}

/** An image in the store that takes its place at the first boot of another version of the system. */
export interface Prefetched {
  /** The system that it is for, as `ID VERSION_ID`. */
  readonly os: string;
  readonly extension: InstalledExtension;
}

/** An extension that keeps its image until it is no longer held. */
export interface Hold {
  readonly name: string;
  readonly since: Date;
}

/** An image that must not be merged again. */
export interface BadImage {
  readonly sha256: string;
  readonly name: string;
  /** Absent where it is not known. */
  readonly version?: string;
  /** `damaged`: its content is not what its digest says; `unhealthy`: the host was not well with it. */
  readonly kind: 'damaged' | 'unhealthy';
  readonly reason: string;
  readonly since: Date;
}
