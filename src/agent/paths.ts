import { belowRoot } from '../host/root.ts';

/** Where the agent keeps things on the host: real paths, below --root= where one is given. */
export interface Paths {
  /** Images by their sha256; on the file system of `extensions`, since extensions are hard links into it. */
  readonly store: string;
  /** Where systemd-sysext finds what we activate. */
  readonly extensions: string;
  readonly history: string;
  readonly lock: string;
  /** What the installed systemd-sysext can do, asked once. */
  readonly toolMemory: string;
  /** Extensions that were taken away for a package manager. */
  readonly absence: string;
}

export function pathsBelow(root: string): Paths {
  return {
    store: belowRoot(root, '/var/lib/sysext-agent/images'),
    extensions: belowRoot(root, '/var/lib/extensions'),
    history: belowRoot(root, '/var/lib/sysext-agent/history.db'),
    lock: belowRoot(root, '/run/sysext-agent/lock'),
    toolMemory: belowRoot(root, '/run/sysext-agent/systemd-sysext.json'),
    absence: belowRoot(root, '/run/sysext-agent/unmerged.json'),
  };
}
