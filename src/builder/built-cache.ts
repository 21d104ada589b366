import { basename, join } from 'node:path';

import { findProgram } from '../host/exec.ts';
import { sha256, sha256OfFile } from '../host/digest.ts';
import {
  fileStatus,
  listNames,
  makeDirectory,
  removeTree,
  readTextIfAny,
  rename,
  temporaryBeside,
  writeAtomically,
} from '../host/files.ts';
import type { ImageFormat } from './image/command.ts';
import type { SelectedPackage } from './packages/packages.ts';
import type { ImageSettings } from './tree/settings.ts';

/** Counts up with every change of the builder that changes the bytes of an image. */
const builderVersion = 1;

/** Everything that an image is made of. */
export interface BuildInputs {
  readonly settings: ImageSettings;
  readonly fileName: string;
  readonly packages: readonly SelectedPackage[];
  /** The digest of the spec's own files; undefined where it has none. */
  readonly own: string | undefined;
  readonly format: ImageFormat | undefined;
}

/** The name of the inputs in the cache; the program that makes images counts by its file, since asking it costs a process. */
export function cacheKey({ settings, fileName, packages, own = '', format }: BuildInputs): string {
  const digests = packages.map((pkg) => [pkg.name, pkg.sha256]);
  return sha256(JSON.stringify([builderVersion, settings, fileName, digests, own, format ?? 'default', ...tools()]));
}

function tools(): string[] {
  return ['mkfs.erofs', 'mksquashfs'].map((program) => {
    const path = findProgram(program);
    const status = path === undefined ? undefined : fileStatus(path);
    return status === undefined ? 'none' : [path, status.ino, status.size, status.mtimeMs].join(' ');
  });
}

/** An image in the cache, and the sha256 that its bytes were just found to have. */
export interface CachedImage {
  readonly path: string;
  readonly sha256: string;
  /** What is recorded of its contents, as text. */
  readonly record: string;
}

const recordName = 'contents.json';

/**
 * The image that was built from the same inputs before: `built/<key>/<sha256>.raw`, and beside it the
 * record of its contents. One whose bytes are not of that sha256 any more is thrown away.
 */
export function cachedImage(cacheDirectory: string, key: string): CachedImage | undefined {
  const directory = join(cacheDirectory, 'built', key);
  const name = listNames(directory).find((entry) => entry.endsWith('.raw'));
  const record = readTextIfAny(join(directory, recordName));
  if (name === undefined || record === undefined) return undefined;
  const image = { path: join(directory, name), sha256: basename(name, '.raw'), record };
  if (sha256OfFile(image.path) === image.sha256) return image;
  removeTree(directory);
  return undefined;
}

/** Keeps a built image under the name of its inputs, with the record of its contents. */
export function keepImage(cacheDirectory: string, key: string, image: string, record: string): CachedImage {
  const directory = join(cacheDirectory, 'built', key);
  const fresh = temporaryBeside(directory);
  makeDirectory(fresh);
  const digest = sha256OfFile(image);
  const name = `${digest}.raw`;
  rename(image, join(fresh, name));
  writeAtomically(join(fresh, recordName), record);
  removeTree(directory);
  rename(fresh, directory);
  return { path: join(directory, name), sha256: digest, record };
}
