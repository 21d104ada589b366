import { describe, test } from 'vitest';

import { systemdVersions, type SystemdVersion } from './rootfs.ts';

/** The oldest and the newest: how those between them differ is what the contract tests look at. */
const always: readonly SystemdVersion[] = [252, 262];
const covered = process.env['SYSEXT_LAB_VERSIONS'] === 'all' ? systemdVersions : always;

/**
 * A group of tests at every version of the lab with SYSEXT_LAB_VERSIONS=all, else at the oldest and the newest: at the others
 * they are counted as skipped.
 * @param title with `%d` for the version.
 */
export function describeAtVersions(title: string, suite: (version: SystemdVersion) => void): void {
  for (const version of systemdVersions) {
    const name = title.replace('%d', String(version));
    const tests = () => {
      suite(version);
    };
    if (covered.includes(version)) describe(name, tests);
    else describe.skip(`${name} (with SYSEXT_LAB_VERSIONS=all)`, tests);
  }
}

/**
 * What makes tests, in a group that runs at several versions, of what does not hang on the version of systemd: they run at
 * the newest, with SYSEXT_LAB_VERSIONS=all at every one, and else are counted as skipped.
 */
export function onceForAll(systemd: SystemdVersion): (title: string, body: () => Promise<void>) => void {
  const [newest] = systemdVersions.slice(-1);
  return (title, body) => {
    if (systemd === newest || covered === systemdVersions) test(title, body);
    else test.skip(`${title} (with SYSEXT_LAB_VERSIONS=all)`, body);
  };
}
