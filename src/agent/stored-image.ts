import { join } from 'node:path';

import { linkStatus, listNames } from '../host/files.ts';

/** An image in the store: immutable, named by its sha256. */
export interface StoredImage {
  readonly kind: 'raw' | 'directory';
  readonly path: string;
  readonly sha256: string;
  /** Size in bytes; of a directory the sum of its files. */
  readonly size: number;
}

/** Where the store keeps an image of this sha256. */
export function storePath(store: string, kind: StoredImage['kind'], sha256: string): string {
  return join(store, kind === 'raw' ? `${sha256}.raw` : sha256);
}

/** The image that we activated as an extension, by what the record says of it. */
export function recordedImage(store: string, record: Omit<StoredImage, 'path'>): StoredImage {
  return {
    kind: record.kind,
    sha256: record.sha256,
    size: record.size,
    path: storePath(store, record.kind, record.sha256),
  };
}

/** Every image in the store, by what its name says. */
export function storedImages(store: string): Pick<StoredImage, 'kind' | 'path'>[] {
  return listNames(store)
    .filter((name) => !name.startsWith('.#'))
    .map((name) => ({ kind: name.endsWith('.raw') ? 'raw' : 'directory', path: join(store, name) }));
}

const releaseDirectory = 'usr/lib/extension-release.d';

/**
 * Whether a search-directory entry is this image of the store: the same file, or a directory whose release file is the
 * same file, since the files of a directory are hard links into the store as well.
 */
export function isActive(path: string, image: Pick<StoredImage, 'kind' | 'path'>): boolean {
  if (image.kind === 'raw') return isSameFile(path, image.path);
  return listNames(join(image.path, releaseDirectory)).some((name) =>
    isSameFile(join(path, releaseDirectory, name), join(image.path, releaseDirectory, name)),
  );
}

function isSameFile(a: string, b: string): boolean {
  const [first, second] = [linkStatus(a), linkStatus(b)];
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}
