import { dirname } from 'node:path';

import { fileStatus, makeDirectory, readTextIfAny, unlinkDurably, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';

/**
 * A note that the service is to look for newer versions as soon as it may. It is kept over reboots. The service sees it at
 * once, or when it starts.
 */
export function askForUpgrade({ paths: { dueUpgrade: path }, clock }: Agent): void {
  if (fileStatus(path) !== undefined) return;
  makeDirectory(dirname(path));
  writeAtomically(path, `${clock.now().toISOString()}\n`);
}

/** Since when an upgrade is asked for; undefined where none is. */
export function upgradeDueSince({ paths, clock }: Agent): Date | undefined {
  const text = readTextIfAny(paths.dueUpgrade);
  if (text === undefined) return undefined;
  const since = new Date(text.trim());
  return Number.isNaN(since.getTime()) ? clock.now() : since;
}

/** It was done. */
export function forgetUpgrade({ paths }: Agent): void {
  if (fileStatus(paths.dueUpgrade) !== undefined) unlinkDurably(paths.dueUpgrade);
}
