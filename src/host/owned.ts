import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

import { attempt, linkStatus, listNames, makeDirectory } from './files.ts';
import { isRunning, processMark, type ProcessMark } from './processes.ts';

// Files and directories of work under way, which say in their names whose they are: what a killed process left is known by
// that. The process is named by its number, by when it started, since numbers come again, and by where numbers count.

/** A new empty directory below `parent` for this process: `.#of-PROCESS-RANDOM`. */
export function makeOwnedDirectory(parent: string): string {
  makeDirectory(parent);
  const prefix = join(parent, `.#${nameOf(thisProcess())}-`);
  return attempt('create a directory in', parent, () => fs.mkdtempSync(prefix));
}

/** The directories below `parent` whose processes are gone. */
export function abandonedDirectories(parent: string): readonly string[] {
  return abandonedIn(parent);
}

/**
 * A path for a new file or directory of this process, also among things of others, where systemd passes it over:
 * `.#of-PROCESS-RANDOM`.
 */
export function ownedTemporary(directory: string): string {
  return join(directory, `.#${nameOf(thisProcess())}-${randomBytes(4).toString('hex')}`);
}

/**
 * The files of such paths whose processes are gone. Anyone may write to the directory: what is not a file of this user is
 * none of them.
 */
export function abandonedTemporaries(directory: string): readonly string[] {
  return abandonedIn(directory).filter((path) => {
    const status = linkStatus(path);
    return status?.isFile() === true && status.uid === process.getuid?.();
  });
}

function abandonedIn(directory: string): readonly string[] {
  return listNames(directory)
    .filter((name) => name.startsWith('.#') && isGone(ownerIn(name)))
    .map((name) => join(directory, name));
}

/**
 * A path for a file that no other process uses, in a directory that others use as well: `STEM.of-PROCESS-RANDOM.KIND`. Who
 * wants the same has a file of its own, so none changes or goes under another.
 */
export function ownedPath(directory: string, stem: string, kind: string): string {
  return join(directory, `${stem}.${nameOf(thisProcess())}-${randomBytes(4).toString('hex')}.${kind}`);
}

/** Which files are meant. */
export interface WantedFiles {
  readonly kinds: readonly string[];
  /** Of any stem where nothing is said. */
  readonly stem?: string;
}

/** The paths of files whose processes are gone, and of those that belong to none: `STEM.KIND`. */
export function leftFiles(directory: string, wanted: WantedFiles): string[] {
  return filesOf(directory, wanted, (owner) => owner === undefined || isGone(ownerIn(owner)));
}

/** The paths of files of this process, which may be at work with them. */
export function ownFiles(directory: string, wanted: WantedFiles): string[] {
  return filesOf(directory, wanted, (owner) => owner !== undefined && isOwn(ownerIn(owner)));
}

function filesOf(
  directory: string,
  { kinds, stem: wanted }: WantedFiles,
  isMeant: (owner: string | undefined) => boolean,
): string[] {
  return listNames(directory)
    .filter((name) => {
      const [, stem, owner, kind = ''] = /^([^.]*)(?:\.(of-[\da-f-]+))?\.([a-z]+)$/.exec(name) ?? [];
      if (stem === undefined || !kinds.includes(kind) || (wanted !== undefined && stem !== wanted)) return false;
      return isMeant(owner);
    })
    .map((name) => join(directory, name));
}

/**
 * Gives the first of some left files that nobody else takes first a path of our own: rename has one winner.
 * @returns whether there was one.
 */
export function takeOver(left: readonly string[], path: string): boolean {
  return left.some((file) =>
    isDone(() => {
      fs.renameSync(file, path);
    }),
  );
}

/**
 * Gives the first of some finished files that is still there one more path: who has it under the other one keeps it.
 * @returns whether there was one.
 */
export function share(files: readonly string[], path: string): boolean {
  return files.some((file) =>
    isDone(() => {
      fs.linkSync(file, path);
    }),
  );
}

function isDone(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

/** Numbers of processes mean something in one namespace only (pid_namespaces(7)). */
interface Owner extends ProcessMark {
  readonly namespace: string;
}

function thisProcess(): Owner {
  const { startedAt = '' } = processMark(process.pid) ?? {};
  return { pid: process.pid, startedAt, namespace: processNamespace() };
}

function nameOf({ pid, startedAt, namespace }: Owner): string {
  return `of-${pid}-${startedAt}-${namespace}`;
}

function ownerIn(name: string): Owner | undefined {
  const [, pid, startedAt = '', namespace = ''] = /^(?:\.#)?of-(\d+)-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), startedAt, namespace };
}

/** Whether a name says of which process it is, and that runs. */
export function isInUse(name: string): boolean {
  const owner = ownerIn(name);
  return owner?.namespace === processNamespace() && isRunning(owner);
}

/** Of a process in another container nothing can be told. */
function isGone(owner: Owner | undefined): boolean {
  return owner?.namespace === processNamespace() && !isRunning(owner);
}

function isOwn(owner: Owner | undefined): boolean {
  return owner !== undefined && nameOf(owner) === nameOf(thisProcess());
}

function processNamespace(): string {
  return attempt('look at', '/proc/self/ns/pid', () => fs.readlinkSync('/proc/self/ns/pid')).replace(/\D/g, '');
}
