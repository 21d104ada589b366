import type { Architecture } from '../../core/architecture.ts';
import type { Clock } from '../../host/clock.ts';
import type { PipingExec } from '../../host/exec.ts';
import type { Http } from '../../host/http.ts';
import type { Progress } from '../../host/progress.ts';
import type { Material } from '../making/making-step.ts';
import type { SoundEntry } from '../tree/judge.ts';
import type { ContainerImages } from './container-images.ts';
import type { Contexts } from './context.ts';
import type { GitRooms } from './git-room.ts';
import type { SourceStore } from './store.ts';

/** What sources are brought here with. */
export interface SourceMeans {
  readonly exec: PipingExec;
  readonly http: Http;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly git: GitRooms;
  readonly images: ContainerImages;
  readonly cacheDirectory: string;
  /** A directory of this build alone; the caller removes it when nothing of the build runs any more. */
  readonly work: string;
  readonly contexts: Contexts;
  /** Paths of files of this host, by the names that specs know them by. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Files of ssh with the keys of servers; some may be missing. */
  readonly knownHosts: readonly string[];
  readonly architecture: Architecture;
  /** The build arguments of the request: some say where generators find what they fetch. */
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Makes a directory that was written a layer that programs of a build can change. */
  readonly adopt: (directory: string) => Promise<void>;
  /** Removes such a layer. */
  readonly remove: (directory: string) => Promise<void>;
  /** Variables that tell programs of proxies. */
  readonly proxies: Readonly<Record<string, string>>;
  /** The time that all files of sources get, in seconds since 1970; undefined: one that is always the same. */
  readonly sourceDateEpoch?: number;
  /** Whether only what is in the cache is used. */
  readonly offline: boolean;
  readonly signal?: AbortSignal;
}

/** The same with the store that they are kept in. */
export interface Fetching extends SourceMeans {
  readonly store: SourceStore;
}

/** A source of which it is known what it is, before any of its files is here. */
export interface SettledSource {
  /** Says all of its files: sources with the same one have the same files. */
  readonly identity: string;
  readonly materials: readonly Material[];
  readonly warnings: readonly string[];
  /** Brings its files here, which stay as they are until the work directory is removed. */
  files(): Promise<SourceFiles>;
}

export interface SourceFiles {
  /** Relative to the top of the source; a source that is one file has one with the path ''. */
  readonly nodes: readonly SoundEntry[];
  /** Of some files the sha256 that they must still have when they are copied. */
  readonly expected?: ReadonlyMap<string, string>;
  /** What turned out when it was looked at. */
  readonly warnings?: readonly string[];
  readonly materials?: readonly Material[];
}
