import { basename, join } from 'node:path';

import { linkStatus, listNames } from '../host/files.ts';
import { entryPath } from './activation.ts';
import type { Observed } from './plan.ts';
import { isActive, storedImages, type StoredImage } from './stored-image.ts';

/** Where systemd finds what we put in place, as a path below the root. */
const searchDirectory = '/var/lib/extensions';

/** Every entry of the search directory that is an image of our store, whatever the record says. */
export function ourEntries(extensions: string, store: string): Observed['ours'] {
  const imageAt = imageLookup(store);
  return listNames(extensions).flatMap((entry) => {
    const image = entry.startsWith('.#') ? undefined : imageAt(join(extensions, entry));
    if (image === undefined) return [];
    const name = image.kind === 'raw' ? entry.replace(/\.raw$/, '') : entry;
    if (basename(entryPath(extensions, name, image.kind)) !== entry) return [];
    return [{ name, kind: image.kind, sha256: digestIn(image.path), path: `${searchDirectory}/${entry}` }];
  });
}

/** Finds out which image of the store is in place at a path. Raw images are told by their inodes. */
function imageLookup(store: string): (path: string) => Pick<StoredImage, 'kind' | 'path'> | undefined {
  const images = storedImages(store);
  const directories = images.filter(({ kind }) => kind === 'directory');
  const raw = new Map(
    images.filter(({ kind }) => kind === 'raw').map((image) => [inodeOf(linkStatus(image.path)), image]),
  );
  return (path) => {
    const status = linkStatus(path);
    if (status?.isDirectory() === true) return directories.find((image) => isActive(path, image));
    return status?.isFile() === true ? raw.get(inodeOf(status)) : undefined;
  };
}

function inodeOf(status: ReturnType<typeof linkStatus>): string {
  return status === undefined ? '' : `${status.dev}:${status.ino}`;
}

/** The sha256 that the store has an image under. */
export function digestIn(path: string): string {
  return basename(path, '.raw');
}
