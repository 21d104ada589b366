import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Machine } from '../../lab/machine.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { putBytes } from './images.ts';

const source = resolve(import.meta.dirname, '../../support/absence.c');
const watcher = '/srv/absence';

/** How often a path was looked at, and how often it was not there. */
export interface Absence {
  readonly polls: number;
  readonly absences: number;
  readonly longestMs: number;
  readonly totalMs: number;
}

let program: Buffer | undefined;

/** Puts the program that watches paths into a machine; it is compiled once. */
export async function installWatcher(machine: Machine): Promise<void> {
  program ??= compiled();
  await putBytes(machine, watcher, program);
  await machine.shell(`chmod +x ${watcher}`);
}

function compiled(): Buffer {
  using work = temporaryDirectory();
  execFileSync('gcc', ['-O2', '-static', '-o', work.at('absence'), source]);
  return readFileSync(work.at('absence'));
}

/** Watches a path without pause while a script runs in the machine, and returns what was seen. */
export async function watchedDuring(
  machine: Machine,
  path: string,
  script: string,
  timeoutMs = 60_000,
): Promise<Absence> {
  const around = [
    `${watcher} ${path} >/run/absence.json & watcher=$!`,
    'trap "kill $watcher 2>/dev/null || true" EXIT',
    `{ ${script}\n} >/run/script.log 2>&1 || { cat /run/script.log; exit 1; }`,
    'kill $watcher; wait $watcher; trap - EXIT; cat /run/absence.json',
  ];
  return JSON.parse(await machine.shell(around.join('\n'), { timeoutMs })) as Absence;
}
