import { dirname } from 'node:path';

import type { FSWatcher } from 'chokidar';

import { messageOf } from '../core/errors.ts';
import { fileIdentity } from './file-identity.ts';
import { fileStatus } from './files.ts';

/** Files and directories that are watched, with what is directly in these. */
export interface Watch extends AsyncDisposable {
  /**
   * Whether what is watched is still what has these paths: where something was mounted over it, what is there now is not
   * watched.
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
  const before = roots.map(identityText);
  const watcher = watch([...roots], {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => !isAbove(path, paths) && !isIn(path, paths),
  });
  watcher.on('all', (_, path) => {
    if (isIn(path, paths)) events.changed(path);
  });
  watcher.on('error', (error) => {
    events.failed(messageOf(error));
  });
  await ready(watcher);
  return {
    isCurrent: () => roots.every((root, index) => identityText(root) === before[index]),
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

function identityText(path: string): string {
  const { device, inode } = fileIdentity(path) ?? {};
  return `${device ?? ''}:${inode ?? ''}`;
}
