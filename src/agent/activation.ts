import { basename, join } from 'node:path';

import { AgentError } from '../core/errors.ts';
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
import type { FoundImage } from '../systemd/search.ts';
import type { Step } from './steps.ts';
import { isActive, type StoredImage } from './stored-image.ts';

/**
 * What systemd-sysext finds under `/var/lib/extensions`: a raw image is a hard link into the store, which works at every
 * version and below --root=; a directory is a copy whose files are hard links into the store.
 */

/** The name of an extension's entry in the search directory. */
export function entryPath(extensions: string, name: string, kind: StoredImage['kind']): string {
  return join(extensions, kind === 'raw' ? `${name}.raw` : name);
}

/**
 * What stands in the way of an extension of this name and is not ours: an image that systemd takes first, or whatever
 * has the name of our entry.
 * @param images what systemd finds now.
 * @param ours the image that we activated under that name before.
 * @returns its path, or undefined where the way is free.
 */
export function foreignEntry(
  images: readonly FoundImage[],
  extensions: string,
  name: string,
  ours: StoredImage | undefined,
): string | undefined {
  const first = images.find((image) => image.name === name);
  if (first !== undefined && !(ours !== undefined && isActive(first.realPath, ours))) return first.realPath;
  return (['raw', 'directory'] as const)
    .map((kind) => ({ kind, path: entryPath(extensions, name, kind) }))
    .find(({ kind, path }) => linkStatus(path) !== undefined && !(ours?.kind === kind && isActive(path, ours)))?.path;
}

/** The step that lets systemd find `image` as the extension `name`, in the place of `previous`. */
export function activationStep(
  extensions: string,
  name: string,
  image: StoredImage,
  previous: StoredImage | undefined,
  exec: Exec,
): Step {
  return {
    description: `put ${basename(entryPath(extensions, name, image.kind))} into ${extensions}`,
    do: () => replaceEntry(extensions, name, previous, image, exec),
    undo: () => replaceEntry(extensions, name, image, previous, exec),
  };
}

/** The step that takes the extension `name` out of systemd's sight. */
export function deactivationStep(extensions: string, name: string, image: StoredImage, exec: Exec): Step {
  return {
    description: `take ${basename(entryPath(extensions, name, image.kind))} out of ${extensions}`,
    do: () => replaceEntry(extensions, name, image, undefined, exec),
    undo: () => replaceEntry(extensions, name, undefined, image, exec),
  };
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

/** The error for an extension name that something else holds. */
export function conflictWith(path: string, name: string, next: string): AgentError {
  return new AgentError(
    'conflict',
    `${path} is in the way of the extension ${name}, and this agent did not put it there`,
    { left: 'Nothing was changed.', next },
  );
}
