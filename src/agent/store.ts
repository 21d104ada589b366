import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import type { VerifiedImage } from '../core/verified-image.ts';
import { runOk, type Exec } from '../host/exec.ts';
import { copyHashed, linkHashed, sha256OfFile } from '../host/digest.ts';
import {
  fileStatus,
  linkStatus,
  listNames,
  makeDirectory,
  removeTree,
  renameDurably,
  temporaryBeside,
} from '../host/files.ts';
import { sha256OfTree } from '../host/tree-digest.ts';
import type { StoredImage } from './stored-image.ts';

/**
 * Puts a copy of an image into the store: written under a name that nothing looks at, made durable, then renamed.
 * An image that is there already is not written again.
 * @param store the directory of the store.
 * @throws AgentError `verification-failed` where it is not what was vouched for any more.
 */
export async function addToStore(store: string, image: VerifiedImage, exec: Exec): Promise<StoredImage> {
  makeDirectory(store);
  const temporary = temporaryBeside(join(store, 'new'));
  try {
    return fileStatus(image.path)?.isDirectory() === true
      ? await addDirectory(store, image.path, temporary, exec)
      : addRaw(store, image, temporary);
  } finally {
    removeTree(temporary);
  }
}

/** What has the name already may have been damaged since: only the same content is left as it is. */
function addRaw(store: string, image: VerifiedImage, temporary: string): StoredImage {
  const { sha256, size } =
    image.isOurs === true ? linkHashed(image.path, temporary) : copyHashed(image.path, temporary);
  if (image.sha256 !== undefined && image.sha256 !== sha256) throw changed(image, image.sha256, sha256);
  const path = join(store, `${sha256}.raw`);
  if (fileStatus(path)?.size !== size || sha256OfFile(path) !== sha256) renameDurably(temporary, path);
  if (image.isOurs === true && image.path !== path) removeTree(image.path);
  return { kind: 'raw', path, sha256, size };
}

function changed({ path }: VerifiedImage, expected: string, found: string): AgentError {
  return new AgentError('verification-failed', `${path} is not what was fetched any more`, {
    unverified: 'digest',
    facts: [`expected: sha256 ${expected}`, `found:    sha256 ${found}`],
  });
}

/** The digest that the store would name an image by, and its size in bytes. */
export function digestOf(source: string): Pick<StoredImage, 'sha256' | 'size'> {
  const status = fileStatus(source);
  if (status?.isDirectory() === true) return sha256OfTree(source);
  return { sha256: sha256OfFile(source), size: status?.size ?? 0 };
}

/** `cp -a` keeps what an extension may carry: owners, modes, links, extended attributes. */
async function addDirectory(store: string, source: string, temporary: string, exec: Exec): Promise<StoredImage> {
  await runOk(exec, 'cp', ['-a', '--reflink=auto', '--', source, temporary]);
  await runOk(exec, 'sync', ['--file-system', temporary]);
  const { sha256, size } = sha256OfTree(temporary);
  const path = join(store, sha256);
  if (linkStatus(path) !== undefined && sha256OfTree(path).sha256 !== sha256) removeTree(path);
  if (linkStatus(path) === undefined) renameDurably(temporary, path);
  return { kind: 'directory', path, sha256, size };
}

/**
 * Removes images that nothing refers to, and what a killed process left half-written. Nobody else writes here while the
 * caller holds the lock.
 * @returns the names that went, and the bytes of their images.
 */
export function sweepStore(store: string, keep: readonly StoredImage[]): { removed: string[]; bytes: number } {
  const kept = new Set(keep.map((image) => image.path));
  const removed = listNames(store).filter((name) => !kept.has(join(store, name)));
  const bytes = removed.reduce((sum, name) => sum + sizeOf(join(store, name)), 0);
  for (const name of removed) removeTree(join(store, name));
  return { removed, bytes };
}

function sizeOf(path: string): number {
  const status = linkStatus(path);
  if (status?.isDirectory() !== true) return status?.size ?? 0;
  return listNames(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
