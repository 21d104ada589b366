import { dirname, join } from 'node:path';

import { linkStatus, makeDirectory, makeLink, removeIfEmpty, unlinkDurably, writeAtomically } from '../host/files.ts';
import { linkTarget } from '../host/root.ts';

/**
 * A unit that another one upholds is started again whenever it was stopped. Before it is stopped, the file that says so
 * is withheld from the manager: an empty file of the same name in a directory that comes first stands for it
 * (systemd.unit(5)), until the next boot at the latest.
 */

const directory = '/run/systemd/system';
/** What ours lead to: they are told from those of an administrator by it. */
const nothing = '/run/sysext-agent/nothing';

/** Keeps files below the directories of units from the manager, from its next reload on. */
export function withholdUnitFiles(files: readonly string[]): void {
  if (files.length === 0) return;
  makeDirectory(dirname(nothing));
  writeAtomically(nothing, '');
  for (const file of files) makeLink(nothing, join(directory, file));
}

/** Lets the manager have them again, from its next reload on. */
export function releaseUnitFiles(files: readonly string[]): void {
  for (const path of files.map((file) => join(directory, file))) {
    if (linkStatus(path) === undefined || linkTarget(path) !== nothing) continue;
    unlinkDurably(path);
    removeIfEmpty(dirname(path));
  }
}
