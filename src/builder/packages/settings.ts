import { join } from 'node:path';

import type { Clock } from '../../host/clock.ts';
import type { PipingExec } from '../../host/exec.ts';
import type { Http } from '../../host/http.ts';
import type { Progress } from '../../host/progress.ts';
import type { IndexCache } from './index-cache.ts';
import type { PackageSource } from './packages.ts';

/** What the packages of repositories of one family come from, and how they get here. */
export interface SourceOptions<R> {
  /** In the order of the target: of equal versions, the first repository's is taken. */
  readonly repositories: readonly R[];
  /** The family's own name of the native architecture: `amd64`, `x86_64`. */
  readonly architecture: string;
  /** Holds `indexes/` and `packages/`; safe to delete at any time. */
  readonly cacheDirectory: string;
  readonly http: Http;
  readonly exec: PipingExec;
  readonly clock: Clock;
  readonly progress: Progress;
  /** For how many milliseconds package lists are used without asking the server for newer ones; 1 hour, 0 asks always. */
  readonly maxAge?: number;
  /** Whether only what is in the cache is used. */
  readonly offline?: boolean;
  /** How the archive in a package file is read. */
  readonly entries: PackageSource['entries'];
}

export type SourceSettings<R> = Required<SourceOptions<R>> & IndexCache;

const hour = 3_600_000;

/** How many lists or packages are fetched at the same time. */
export const atOnce = 4;

export function settingsOf<R>(options: SourceOptions<R>): SourceSettings<R> {
  return { maxAge: hour, offline: false, ...options, directory: join(options.cacheDirectory, 'indexes') };
}
