import type { Architecture } from '../core/architecture.ts';
import type { HostLibraries } from '../core/contents/linked-image.ts';
import type { ReleaseFields } from '../core/os-release.ts';
import type { Clock } from '../host/clock.ts';
import type { PipingExec } from '../host/exec.ts';
import type { Http } from '../host/http.ts';
import type { Progress } from '../host/progress.ts';
import type { ImageFormat } from './image/command.ts';

/** What a build works with. */
export interface BuildHost {
  readonly exec: PipingExec;
  readonly http: Http;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Indexes, packages and built images; safe to delete. */
  readonly cacheDirectory: string;
  /** The directories with target files, highest precedence first. */
  readonly targetDirectories: readonly string[];
  /** The directory that stands for `/`: its os-release and apt configuration count. */
  readonly root: string;
  readonly osRelease: ReleaseFields;
  readonly architecture: Architecture;
  /** What this host has for the programs of an image; undefined where nothing can be told of it. */
  libraries(): HostLibraries | undefined;
}

export interface BuildRequest {
  readonly specPath: string;
  /** Name of the target; left out, the one that is this host's. */
  readonly target?: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Directories of this host that sources of the kind context are, by name; `context` is the main one. */
  readonly contexts: ReadonlyMap<string, string>;
  /** Left out: erofs, or squashfs where mkfs.erofs is missing. */
  readonly format?: ImageFormat;
  /** Ask the repositories for new indexes whatever the age of those in the cache. */
  readonly refresh?: boolean;
  /** Use only what is in the cache. */
  readonly offline?: boolean;
  /** Take in the packages of the target that bring libraries which neither the image nor this host would have. */
  readonly addMissing?: boolean;
  readonly signal?: AbortSignal;
}
