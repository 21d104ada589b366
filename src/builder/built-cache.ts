import { basename, join } from 'node:path';

import { manifestSuffix } from '../core/sbom.ts';
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
const builderVersion = 2;

/** Everything that an image is made of. */
export interface BuildInputs {
  readonly settings: ImageSettings;
  readonly fileName: string;
  /** Version and revision of the spec. */
  readonly version: string;
  readonly packages: readonly SelectedPackage[];
  /** The digest of the spec's own files; undefined where it has none. */
  readonly own: string | undefined;
  readonly format: ImageFormat | undefined;
}

/** The name of the inputs in the cache; the program that makes images counts by its file, since asking it costs a process. */
export function cacheKey({ settings, fileName, version, packages, own = '', format }: BuildInputs): string {
  const digests = packages.map((pkg) => [pkg.name, pkg.sha256, pkg.source]);
  const inputs = [settings, fileName, version, digests, own, format ?? 'default'];
  return sha256(JSON.stringify([builderVersion, ...inputs, ...tools()]));
}

function tools(): string[] {
  return ['mkfs.erofs', 'mksquashfs'].map((program) => {
    const path = findProgram(program);
    const status = path === undefined ? undefined : fileStatus(path);
    return status === undefined ? 'none' : [path, status.ino, status.size, status.mtimeMs].join(' ');
  });
}

/** An image in the cache with its manifest, and the sha256 that its bytes were just found to have. */
export interface CachedImage {
  readonly path: string;
  readonly sha256: string;
  /** The path of the list of its packages. */
  readonly manifest: string;
  /** What is recorded of its contents, as text. */
  readonly record: string;
}

const recordName = 'contents.json';

/**
 * The image that was built from the same inputs before: `built/<key>/<sha256>.raw`, `<sha256>.spdx.json` with the sha256
 * of the manifest, and the record of its contents. Where the bytes of one of the two are not of its sha256 any more all
 * are thrown away.
 */
export function cachedImage(cacheDirectory: string, key: string): CachedImage | undefined {
  const directory = join(cacheDirectory, 'built', key);
  const names = listNames(directory);
  if (names.length === 0) return undefined;
  const [image, manifest] = ['.raw', manifestSuffix].map((suffix) => soundFile(directory, names, suffix));
  const record = readTextIfAny(join(directory, recordName));
  if (image !== undefined && manifest !== undefined && record !== undefined)
    return { ...image, manifest: manifest.path, record };
  removeTree(directory);
  return undefined;
}

/** The file with this ending, if its bytes are of the sha256 that is its name. */
function soundFile(
  directory: string,
  names: readonly string[],
  suffix: string,
): Pick<CachedImage, 'path' | 'sha256'> | undefined {
  const name = names.find((candidate) => candidate.endsWith(suffix));
  if (name === undefined) return undefined;
  const file = { path: join(directory, name), sha256: basename(name, suffix) };
  return sha256OfFile(file.path) === file.sha256 ? file : undefined;
}

/** What a build makes: the path of an image, and the texts that are kept beside it. */
export interface MadeImage {
  readonly image: string;
  readonly manifest: string;
  readonly record: string;
}

/** Keeps a built image under the name of its inputs. */
export function keepImage(cacheDirectory: string, key: string, { image, manifest, record }: MadeImage): CachedImage {
  const directory = join(cacheDirectory, 'built', key);
  const fresh = temporaryBeside(directory);
  makeDirectory(fresh);
  const digest = sha256OfFile(image);
  const [imageName, manifestName] = [`${digest}.raw`, `${sha256(manifest)}${manifestSuffix}`];
  rename(image, join(fresh, imageName));
  writeAtomically(join(fresh, manifestName), manifest);
  writeAtomically(join(fresh, recordName), record);
  removeTree(directory);
  rename(fresh, directory);
  return { path: join(directory, imageName), sha256: digest, manifest: join(directory, manifestName), record };
}
