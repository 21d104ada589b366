import { basename, dirname, join } from 'node:path';

import type { FSWatcher } from 'chokidar';

import { messageOf } from '../core/errors.ts';
import { fileIdentity } from './file-identity.ts';
import { fileStatus } from './files.ts';

/** Files and directories that are watched, with what is directly in these. */
export interface Watch extends AsyncDisposable {
  /**
   * Whether what is watched is what has these paths now. Where directories came, were replaced or mounted over, changes may
   * be missed until they are watched anew.
   */
  isCurrent(): boolean;
}

export interface WatchEvents {
  /** Something was made, written to, renamed or removed. */
  changed(path: string): void;
  /** Some changes may not be told: the kernel gave no more watches, say. */
  failed(why: string): void;
}

/**
 * Tells of changes at these paths, by inotify(7): nothing is looked at again and again. They need not exist, and neither
 * need the directories above them.
 */
export async function watchPaths(paths: readonly string[], events: WatchEvents): Promise<Watch> {
  const { watch } = await import('chokidar');
  const roots = [...new Set(paths.map(nearestExisting))];
  const before = directoriesOf(paths);
  const watcher = watch([...roots], {
    ignoreInitial: true,
    followSymlinks: false,
    atomic: false,
    ignored: (path) => !isAbove(path, paths) && !isIn(path, paths),
  });
  const changed = (...told: readonly string[]) => {
    const path = told.find((one) => isIn(one, paths));
    if (path !== undefined) events.changed(path);
  };
  watcher.on('all', (_, path) => {
    changed(path);
  });
  // What comes right after something else is not always told as above, but the kernel's own event is.
  watcher.on('raw', (_, name, details) => {
    const { watchedPath = '' } = details as { readonly watchedPath?: string };
    if (basename(watchedPath) === name) changed(watchedPath);
    else changed(join(watchedPath, name), watchedPath);
  });
  watcher.on('error', (error) => {
    events.failed(messageOf(error));
  });
  await ready(watcher);
  return {
    isCurrent: () => directoriesOf(paths) === before,
    [Symbol.asyncDispose]: () => watcher.close(),
  };
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve) => {
    watcher.once('ready', resolve);
  });
}

/** What does not exist yet is noticed by what will hold it. */
function nearestExisting(path: string): string {
  const above = dirname(path);
  return fileStatus(above) === undefined && above !== path ? nearestExisting(above) : above;
}

function isAbove(path: string, paths: readonly string[]): boolean {
  const beginning = path === '/' ? path : `${path}/`;
  return paths.some((wanted) => wanted.startsWith(beginning));
}

function isIn(path: string, paths: readonly string[]): boolean {
  return paths.some((wanted) => path === wanted || dirname(path) === wanted);
}

/** The directories that hold these paths, or will, as one text: another one where any of them is another one. */
function directoriesOf(paths: readonly string[]): string {
  const directories = paths.map((path) => (fileStatus(path)?.isDirectory() === true ? path : nearestExisting(path)));
  return directories.map((path) => `${path} ${identityText(path)}`).join('\n');
}

function identityText(path: string): string {
  const { device, inode } = fileIdentity(path) ?? {};
  return `${device ?? ''}:${inode ?? ''}`;
}
