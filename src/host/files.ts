import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { AgentError, messageOf, type ErrorCode } from '../core/errors.ts';

/**
 * Files of the host by their real paths. Every failure comes out as an AgentError that names the path.
 * Temporary names start with `.#`: systemd-sysext passes them over in its search directories (systemd-sysext(8)).
 */

const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'not-root',
  EDQUOT: 'disk-full',
  ENOENT: 'no-such-file',
  ENOSPC: 'disk-full',
  EPERM: 'not-root',
  EROFS: 'read-only',
};

const adviceOf: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'Free some space on that file system, then try again.',
  'not-root': 'Run the command as root.',
  'read-only': 'Make that file system writable, or choose another place with --root or --output.',
};

/** Turns a failed system call into an error of ours: `cannot <action> <path>: <why>`. */
export function fileError(error: unknown, action: string, path: string): AgentError {
  if (error instanceof AgentError) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  const code = codeOfErrno[errno] ?? 'io';
  const next = adviceOf[code];
  return new AgentError(code, `cannot ${action} ${path}: ${reason(error, errno)}`, {
    cause: error,
    ...(next === undefined ? {} : { next }),
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of the path is not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

function reason(error: unknown, errno: string): string {
  return reasons[errno] ?? messageOf(error);
}

/** Runs a system call on `path` and gives its failure our words. */
export function attempt<T>(action: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fileError(error, action, path);
  }
}

export function readBytes(path: string): Buffer {
  return attempt('read', path, () => fs.readFileSync(path));
}

/** The content of a file in pieces; each is good only until the next one is asked for. */
export function* piecesOf(path: string): Generator<Buffer> {
  const descriptor = attempt('read', path, () => fs.openSync(path, 'r'));
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    for (;;) {
      const length = attempt('read', path, () => fs.readSync(descriptor, buffer));
      if (length === 0) return;
      yield buffer.subarray(0, length);
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Whether there is nothing to read: of a device, that nothing is behind it. */
export function isEmpty(path: string): boolean {
  try {
    for (const piece of piecesOf(path)) return piece.length === 0;
    return true;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return true;
  }
}

export function readText(path: string): string {
  return readBytes(path).toString('utf8');
}

/** The text of a file, or undefined where there is none. */
export function readTextIfAny(path: string): string | undefined {
  return fileStatus(path) === undefined ? undefined : readText(path);
}

/** The names in a directory, sorted by their bytes; none where there is no directory. */
export function listNames(directory: string): string[] {
  if (fileStatus(directory) === undefined) return [];
  return attempt('list', directory, () => fs.readdirSync(directory)).sort((a, b) => (a < b ? -1 : 1));
}

/** The status of what a path leads to, symbolic links followed; undefined where there is nothing. */
export function fileStatus(path: string): fs.Stats | undefined {
  return statusIfAny(path, () => fs.statSync(path, { throwIfNoEntry: false }));
}

/** The status of the path itself, a symbolic link not followed; undefined where there is nothing. */
export function linkStatus(path: string): fs.Stats | undefined {
  return statusIfAny(path, () => fs.lstatSync(path, { throwIfNoEntry: false }));
}

/** Below a file there is nothing, too, nor behind a link that leads to itself. */
function statusIfAny(path: string, look: () => fs.Stats | undefined): fs.Stats | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw fileError(error, 'look at', path);
  }
}

export function makeDirectory(path: string, mode = 0o755): void {
  const exists = () => fileStatus(path)?.isDirectory() === true;
  if (exists()) return;
  if (fileStatus(dirname(path)) === undefined) makeDirectory(dirname(path), mode);
  attempt('create the directory', path, () => {
    try {
      // Not recursive: that says ENOENT where the file system is read-only.
      fs.mkdirSync(path, { mode });
    } catch (error) {
      // Another process may have been first.
      if (!exists()) throw error;
    }
  });
}

export function removeTree(path: string): void {
  attempt('remove', path, () => {
    fs.rmSync(path, { recursive: true, force: true });
  });
}

/** Renames within one file system, replacing what stood there. For caches: what they read they verify anyway. */
export function rename(from: string, to: string): void {
  attempt('rename into place', to, () => {
    fs.renameSync(from, to);
  });
}

/** Renames as rename() does and makes the change durable. */
export function renameDurably(from: string, to: string): void {
  rename(from, to);
  syncDirectory(dirname(to));
}

/** Removes one name and makes the change durable; where it is gone already there is nothing to do. */
export function unlinkDurably(path: string): void {
  attempt('remove', path, () => {
    // rmSync() of Node 24 gives some errors no code, and what is not told cannot be explained.
    if (linkStatus(path) !== undefined) fs.unlinkSync(path);
  });
  syncDirectory(dirname(path));
}

/** Another name for the same file, put in place in one step even where `to` exists. */
export function linkDurably(from: string, to: string): void {
  const temporary = temporaryBeside(to);
  attempt('link', to, () => {
    fs.linkSync(from, temporary);
  });
  renameDurably(temporary, to);
}

/** Makes the names in a directory durable. */
export function syncDirectory(path: string): void {
  attempt('sync', path, () => {
    syncFile(path);
  });
}

/**
 * A name beside `path` that nothing else uses and systemd passes over: from the number of this process and the time.
 * Not from node:crypto, which takes longer to load than most commands to run.
 */
export function temporaryBeside(path: string): string {
  const unique = process.hrtime.bigint() * 0x400000n + BigInt(process.pid);
  return join(dirname(path), `.#${basename(path)}.${BigInt.asUintN(64, unique).toString(16).padStart(16, '0')}`);
}

/** A new empty directory below `parent`, for this process alone. */
export function makeTemporaryDirectory(parent: string): string {
  makeDirectory(parent);
  return attempt('create a directory in', parent, () => fs.mkdtempSync(join(parent, '.#tmp-')));
}

/** Writes a whole file so that at every instant `path` is either the old content or the new. */
export function writeAtomically(path: string, data: string | Uint8Array, mode = 0o644): void {
  const temporary = temporaryBeside(path);
  try {
    attempt('write', path, () => {
      const descriptor = fs.openSync(temporary, 'wx', mode);
      try {
        fs.writeFileSync(descriptor, data);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
    renameDurably(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** Gives a file or directory the time of now, as if it had been written: what is used does not get old. */
export function touch(path: string): void {
  attempt('write to', path, () => {
    const now = new Date();
    fs.utimesSync(path, now, now);
  });
}

/** Writes over a file without giving it a new inode: for files that are locked or watched. */
export function writeInPlace(path: string, data: string | Uint8Array): void {
  attempt('write', path, () => {
    fs.writeFileSync(path, data);
  });
}

/**
 * Copies a file so that at every instant `to` is either what it was or the whole copy. It does not wait for the disk:
 * for what can be made again.
 */
export function copyAtomically(from: string, to: string): void {
  const temporary = temporaryBeside(to);
  try {
    attempt('write', to, () => {
      fs.copyFileSync(from, temporary, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
    });
    rename(temporary, to);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** Opens a file for flock(2), making it where there is none. */
export function openToLock(path: string): number {
  return attempt('open', path, () => fs.openSync(path, 'a', 0o644));
}

export function closeFile(descriptor: number): void {
  fs.closeSync(descriptor);
}

function syncFile(path: string): void {
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Makes a symbolic link where nothing is; where something is, nothing is done. */
export function makeLink(target: string, path: string): void {
  makeDirectory(dirname(path));
  attempt('create the link', path, () => {
    if (linkStatus(path) === undefined) fs.symlinkSync(target, path);
  });
}

/** Removes a directory that has nothing in it; any other stays, and what is no directory. */
export function removeIfEmpty(path: string): void {
  if (linkStatus(path)?.isDirectory() !== true || listNames(path).length > 0) return;
  attempt('remove', path, () => {
    fs.rmdirSync(path);
  });
}
