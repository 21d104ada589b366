import type { ClassName } from '../core/extension-class.ts';
import { belowRoot } from '../host/root.ts';

/** Where the agent keeps things on the host: real paths, below --root= where one is given. */
export interface Paths {
  /** Images by their sha256; on the file system of `extensions`, since extensions are hard links into it. */
  readonly store: string;
  /** Where published images come to, beside the store and on its file system. */
  readonly incoming: string;
  /** Where systemd-sysext finds what we activate. */
  readonly extensions: string;
  /** Facts of images of each class, read once. */
  readonly imageMemory: Readonly<Record<ClassName, string>>;
  readonly history: string;
  /** How this agent left the history when it last wrote to it. */
  readonly historyNote: string;
  /** How often something was not what it should be by its signature or digest. */
  readonly verifyFailures: string;
  /** What takes back the change that is under way, as far as it is more than a merge. */
  readonly settlement: string;
  /** How often this host booted with the generation in force without coming up well. */
  readonly bootAttempts: string;
  readonly lock: string;
  /** Where the service tells the numbers of this host. */
  readonly metricsSocket: string;
  /** Output of what PID 1 runs for the service: one that is killed leaves it there. */
  readonly runs: string;
  /** Which images the last merge of this agent was made of. */
  readonly mergeRecord: string;
  /** What the installed program of each class can do, asked once. */
  readonly toolMemory: Readonly<Record<ClassName, string>>;
  /** Extensions that were taken away for a package manager. */
  readonly absence: string;
  /** What the last attempt at what the drop-ins want came to. */
  readonly fleetState: string;
  /** That the service is to look for newer versions. */
  readonly dueUpgrade: string;
  /** That this host may have a slot of its fleet lock, and of which one. */
  readonly fleetLock: string;
  /** The lock of the process that has to do with that slot. */
  readonly fleetLockTurn: string;
}

export function pathsBelow(root: string): Paths {
  return {
    store: belowRoot(root, '/var/lib/sysext-agent/images'),
    incoming: belowRoot(root, '/var/lib/sysext-agent/incoming'),
    extensions: belowRoot(root, '/var/lib/extensions'),
    imageMemory: {
      sysext: belowRoot(root, '/run/sysext-agent/images.json'),
      confext: belowRoot(root, '/run/sysext-agent/confexts.json'),
    },
    history: belowRoot(root, '/var/lib/sysext-agent/history.db'),
    historyNote: belowRoot(root, '/run/sysext-agent/history'),
    verifyFailures: belowRoot(root, '/var/lib/sysext-agent/verify-failures'),
    settlement: belowRoot(root, '/var/lib/sysext-agent/settlement.json'),
    bootAttempts: belowRoot(root, '/var/lib/sysext-agent/boot.json'),
    lock: belowRoot(root, '/run/sysext-agent/lock'),
    metricsSocket: belowRoot(root, '/run/sysext-agent/metrics.sock'),
    runs: belowRoot(root, '/run/sysext-agent/runs'),
    mergeRecord: belowRoot(root, '/run/sysext-agent/merged.json'),
    toolMemory: {
      sysext: belowRoot(root, '/run/sysext-agent/systemd-sysext.json'),
      confext: belowRoot(root, '/run/sysext-agent/systemd-confext.json'),
    },
    absence: belowRoot(root, '/run/sysext-agent/unmerged.json'),
    fleetState: belowRoot(root, '/run/sysext-agent/fleet.json'),
    fleetLock: belowRoot(root, '/var/lib/sysext-agent/fleet-lock.json'),
    dueUpgrade: belowRoot(root, '/var/lib/sysext-agent/upgrade-due'),
    fleetLockTurn: belowRoot(root, '/run/sysext-agent/fleet-lock'),
  };
}
