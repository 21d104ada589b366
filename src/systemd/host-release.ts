import { machine } from 'node:os';

import { architectureOfMachine } from '../core/architecture.ts';
import type { HostRelease } from '../core/compatibility.ts';
import { AgentError } from '../core/errors.ts';
import { parseReleaseFields, type ReleaseFields } from '../core/os-release.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { fileStatus, readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/**
 * The fields of os-release below `root`: /etc/os-release, else /usr/lib/os-release (os-release(5)).
 * @throws AgentError `io` where neither file is there.
 */
export function readOsRelease(root: string): ReleaseFields {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    const text = readTextIfAny(belowRoot(root, path));
    if (text !== undefined) return parseReleaseFields(text);
  }
  throw new AgentError('io', `there is no os-release file below ${root}`, {
    next: 'systemd-sysext merges nothing without one: create /etc/os-release with at least an ID.',
  });
}

/** This host as compatibility() compares it with extensions. */
export function readHostRelease(root: string, systemd: SystemdVersion): HostRelease {
  // Up to 258 systemd asks whether it runs in an initrd itself, whatever the root.
  const initrdMark = systemd.major >= 259 ? belowRoot(root, '/etc/initrd-release') : '/etc/initrd-release';
  return {
    fields: readOsRelease(root),
    scope: fileStatus(initrdMark) === undefined ? 'system' : 'initrd',
    architecture: hostArchitecture(),
    systemd,
  };
}

/** The architecture of the running kernel in systemd's spelling. */
export function hostArchitecture(): string {
  return architectureOfMachine(machine()) ?? machine();
}
