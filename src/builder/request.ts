import type { Architecture } from '../core/architecture.ts';
import type { HostLibraries } from '../core/contents/linked-image.ts';
import type { ReleaseFields } from '../core/os-release.ts';
import type { Clock } from '../host/clock.ts';
import type { PipingExec } from '../host/exec.ts';
import type { Http } from '../host/http.ts';
import type { Progress } from '../host/progress.ts';
import type { ImageFormat } from './image/command.ts';
import type { SandboxLimits } from './sandbox/sandbox.ts';
import type { ContainerImages } from './source/container-images.ts';
import type { TestChoice } from './tests/choice.ts';

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
  /** How what a spec says is run. */
  readonly making: MakingSettings;
}

/** What holds for everything that is run for a build. */
export interface MakingSettings {
  /** What each step may take. */
  limits(): Promise<SandboxLimits>;
  /** Variables that tell programs of proxies; only who may reach the network gets them. */
  readonly proxies: Readonly<Record<string, string>>;
  /** Logs are kept in it, by the names of specs. */
  readonly logDirectory: string;
  /** Gets what steps print, as it comes, where somebody wants to see it. */
  readonly show?: (piece: Uint8Array) => void;
  /** Where container images come from that sources are. */
  readonly images: ContainerImages;
  /** Files of ssh with the keys of servers; some may be missing. */
  readonly knownHosts: readonly string[];
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
  /** Paths of files of this host with secrets, by the names that specs know them by. */
  readonly secrets?: ReadonlyMap<string, string>;
  /** Make everything anew, whatever is kept of earlier builds. */
  readonly anew?: boolean;
  /** Where the tests of the spec are run; left out, in a root of the target, where this host can have one. */
  readonly test?: TestChoice;
  readonly signal?: AbortSignal;
}
