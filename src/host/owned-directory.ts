import fs from 'node:fs';
import { join } from 'node:path';

import { attempt, listNames, makeDirectory } from './files.ts';
import { isRunning, processMark } from './processes.ts';

/** Directories of work under way, which say in their names whose they are: what a killed process left is known by that. */

/** A new empty directory below `parent` for this process. */
export function makeOwnedDirectory(parent: string): string {
  makeDirectory(parent);
  const { startedAt = '' } = processMark(process.pid) ?? {};
  const prefix = `.#of-${process.pid}-${startedAt}-${processNamespace()}-`;
  return attempt('create a directory in', parent, () => fs.mkdtempSync(join(parent, prefix)));
}

/** The directories below `parent` whose processes are gone. */
export function abandonedDirectories(parent: string): readonly string[] {
  return listNames(parent)
    .filter(isAbandoned)
    .map((name) => join(parent, name));
}

/** Of a process in another container nothing can be told. */
function isAbandoned(name: string): boolean {
  const [, pid, startedAt = '', namespace] = /^\.#of-(\d+)-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && namespace === processNamespace() && !isRunning({ pid: Number(pid), startedAt });
}

/** Numbers of processes mean something in one namespace only (pid_namespaces(7)). */
function processNamespace(): string {
  return attempt('look at', '/proc/self/ns/pid', () => fs.readlinkSync('/proc/self/ns/pid')).replace(/\D/g, '');
}
