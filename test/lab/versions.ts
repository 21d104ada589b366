import { describe, test } from 'vitest';

import { systemdVersions, type SystemdVersion } from './rootfs.ts';

/** The oldest and the newest: how those between them differ is what the contract tests look at. */
const oldestAndNewest: readonly SystemdVersion[] = [252, 262];

/** Whether everything is to be run, however long it takes: SYSEXT_LAB_VERSIONS=all. */
export const everyVersion = process.env['SYSEXT_LAB_VERSIONS'] === 'all';

/**
 * A group of tests at every version of the lab with SYSEXT_LAB_VERSIONS=all, else at some, and at the others they are counted
 * as skipped.
 * @param title with `%d` for the version.
 * @param always the versions at which it runs in any case; the oldest and the newest unless given.
 */
export function describeAtVersions(
  title: string,
  suite: (version: SystemdVersion) => void,
  always: readonly SystemdVersion[] = oldestAndNewest,
): void {
  for (const version of systemdVersions) {
    const name = title.replace('%d', String(version));
    const tests = () => {
      suite(version);
    };
    if (everyVersion || always.includes(version)) describe(name, tests);
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
    if (systemd === newest || everyVersion) test(title, body);
    else test.skip(`${title} (with SYSEXT_LAB_VERSIONS=all)`, body);
  };
}
