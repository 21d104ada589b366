import { confext, sysext, type ClassName, type ExtensionClass } from '../core/extension-class.ts';
import type { Clock } from '../host/clock.ts';
import type { Exec } from '../host/exec.ts';
import { readTextIfAny } from '../host/files.ts';
import type { LimitedExec } from '../host/limited-run.ts';
import type { Log } from '../host/log.ts';
import type { DriverWish } from '../systemd/drivers/choice.ts';
import type { HostProgram, MergeDriver } from '../systemd/drivers/driver.ts';
import { hostDriver } from '../systemd/drivers/host-driver.ts';
import { inhibitShutdown } from '../systemd/inhibitor.ts';
import { createSysextTool, type SysextTool } from '../systemd/sysext-tool.ts';
import { unitFileState } from '../systemd/units.ts';
import type { Actor } from './history.ts';
import { pathsBelow, type Paths } from './paths.ts';
import { readSettings } from './settings.ts';

/** What sees and changes which extensions of one class are merged. */
export interface Merger {
  readonly tool: SysextTool;
  /** How what is merged is changed. */
  readonly driver: MergeDriver;
  /** A file for facts of images of this class, read once. */
  readonly imageMemory: string;
}

/** What merges the extensions of a class. */
export function mergerOf(agent: Agent, name: ClassName = 'sysext'): Merger {
  return name === 'confext' ? agent.confexts : agent;
}

/** What every operation of the agent works with. Itself it merges system extensions. */
export interface Agent extends Merger {
  /** What merges configuration extensions. */
  readonly confexts: Merger;
  /** The directory that stands for `/`. */
  readonly root: string;
  readonly paths: Paths;
  readonly exec: Exec & LimitedExec;
  readonly clock: Clock;
  /** What `systemctl is-enabled` says of a unit. */
  readonly unitFileState: (unit: string) => Promise<string>;
  /** Has a shutdown of this host put off until the result is disposed of, as far as it can be. @param why in words. */
  readonly inhibit: (why: string) => Promise<AsyncDisposable>;
  readonly actor: Actor;
  /** Why, in the words of who asks, for the record. */
  readonly reason?: string;
  /** The boot of this host; absent below another root, which did not boot. */
  readonly bootId?: string;
  /** How long to wait for another operation to end, in seconds. */
  readonly waitSeconds: number;
  /** Where changes are told; absent below another root. */
  readonly log?: Log;
  /** Aborts at Ctrl-C and SIGTERM; ends programs and the waiting for the lock. */
  readonly signal?: AbortSignal;
}

/** What is done otherwise by a process that has a connection to the manager of this system, and is not in its namespaces. */
export interface ThroughManager extends Pick<Agent, 'unitFileState'> {
  /** Runs programs in the namespaces of the host. */
  readonly onHost: HostProgram;
}

/** @param manager absent for a process that is where the host's mounts are, and runs programs itself. */
export function createAgent(
  options: Pick<Agent, 'root' | 'exec' | 'clock' | 'actor' | 'reason' | 'waitSeconds' | 'log' | 'signal'>,
  manager?: ThroughManager,
): Agent {
  const { root, exec } = options;
  const paths = pathsBelow(options.root);
  const merging = (extensionClass: ExtensionClass): Merger => {
    const { name } = extensionClass;
    const tool = createSysextTool(exec, root, paths.toolMemory[name], extensionClass);
    const driver = hostDriver({ root, tool, exec, onHost: manager?.onHost, wish: () => mergeDriverOf(root) });
    return { tool, driver, imageMemory: paths.imageMemory[name] };
  };
  const bootId = options.root === '/' ? readTextIfAny('/proc/sys/kernel/random/boot_id')?.trim() : undefined;
  return {
    ...options,
    ...(bootId === undefined ? {} : { bootId }),
    paths,
    ...merging(sysext),
    confexts: merging(confext),
    unitFileState: manager?.unitFileState ?? ((unit) => unitFileState(exec, root, unit)),
    inhibit: options.root === '/' ? inhibitShutdown : inhibitNothing,
  };
}

async function mergeDriverOf(root: string): Promise<DriverWish> {
  return (await readSettings(root)).mergeDriver ?? 'auto';
}

/** Another root can be shut down by nobody. */
function inhibitNothing(): Promise<AsyncDisposable> {
  return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
}
