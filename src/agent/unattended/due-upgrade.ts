import { dirname } from 'node:path';

import { fileStatus, makeDirectory, readTextIfAny, unlinkDurably, writeAtomically } from '../../host/files.ts';
import type { Agent } from '../agent.ts';
import type { Delay } from './permission.ts';

/** That the service is to look for newer versions as soon as it may; kept over reboots. */
export interface DueUpgrade {
  readonly since: Date;
  /** Why it was not done when that was looked at last. */
  readonly delay?: Delay;
}

/** Asks for an upgrade, unless that was done already. The service sees it at once, or when it starts. */
export function askForUpgrade(agent: Agent): void {
  if (dueUpgrade(agent) === undefined) write(agent, { since: agent.clock.now() });
}

/** What was asked for and not done yet. */
export function dueUpgrade({ paths, clock }: Agent): DueUpgrade | undefined {
  const text = readTextIfAny(paths.dueUpgrade);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text, (key, value: unknown) =>
      (key === 'since' || key === 'until') && typeof value === 'string' ? new Date(value) : value,
    ) as DueUpgrade;
  } catch {
    return { since: clock.now() };
  }
}

/** Notes why it is not done yet, unless that is noted already. */
export function delayUpgrade(agent: Agent, { since }: DueUpgrade, delay: Delay | undefined): void {
  write(agent, { since, ...(delay === undefined ? {} : { delay }) });
}

/** It was done. */
export function forgetUpgrade({ paths }: Agent): void {
  if (fileStatus(paths.dueUpgrade) !== undefined) unlinkDurably(paths.dueUpgrade);
}

function write({ paths: { dueUpgrade: path } }: Agent, due: DueUpgrade): void {
  const text = JSON.stringify(due);
  if (readTextIfAny(path) === text) return;
  makeDirectory(dirname(path));
  writeAtomically(path, text);
}
