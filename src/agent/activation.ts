import { join } from 'node:path';

import { runOk, type Exec } from '../host/exec.ts';
import {
  linkDurably,
  linkStatus,
  makeDirectory,
  removeTree,
  renameDurably,
  temporaryBeside,
  unlinkDurably,
} from '../host/files.ts';
import type { StoredImage } from './stored-image.ts';

/**
 * What systemd-sysext finds under `/var/lib/extensions`: a raw image is a hard link into the store, which works at every
 * version and below --root=; a directory is a copy whose files are hard links into the store.
 */

/** The name of an extension's entry in the search directory. */
export function entryPath(extensions: string, name: string, kind: StoredImage['kind']): string {
  return join(extensions, kind === 'raw' ? `${name}.raw` : name);
}

/** Makes `to` the image of an extension, or none; an entry of another kind that was for `from` goes. */
export async function replaceEntry(
  extensions: string,
  name: string,
  from: StoredImage | undefined,
  to: StoredImage | undefined,
  exec: Exec,
): Promise<void> {
  makeDirectory(extensions);
  if (to?.kind === 'raw') linkDurably(to.path, entryPath(extensions, name, 'raw'));
  if (to?.kind === 'directory') await placeDirectory(to, entryPath(extensions, name, 'directory'), exec);
  if (from !== undefined && from.kind !== to?.kind) removeEntry(entryPath(extensions, name, from.kind));
}

/** A directory cannot be renamed over another: the old one steps aside first. */
async function placeDirectory(image: StoredImage, path: string, exec: Exec): Promise<void> {
  const [fresh, retired] = [temporaryBeside(path), temporaryBeside(path)];
  try {
    await runOk(exec, 'cp', ['-a', '--link', '--', image.path, fresh]);
    if (linkStatus(path) !== undefined) renameDurably(path, retired);
    renameDurably(fresh, path);
  } finally {
    removeTree(fresh);
    if (linkStatus(path) === undefined && linkStatus(retired) !== undefined) renameDurably(retired, path);
    removeTree(retired);
  }
}

/** Takes an entry away; what it was is never seen half. */
export function removeEntry(path: string): void {
  if (linkStatus(path)?.isDirectory() !== true) {
    unlinkDurably(path);
    return;
  }
  const retired = temporaryBeside(path);
  renameDurably(path, retired);
  removeTree(retired);
}
