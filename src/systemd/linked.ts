import { readLinkedImage, type HostLibraries, type LinkedImage } from '../core/contents/linked-image.ts';
import { readElf } from '../core/elf/read.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import type { Exec } from '../host/exec.ts';
import { openTree } from './open-image.ts';

/**
 * Reads what the programs and libraries of an image need.
 * @param entries all that is in it.
 * @throws AgentError as openTree().
 */
export async function readLinked(
  path: string,
  entries: readonly ImageEntry[],
  exec: Exec,
  signal?: AbortSignal,
): Promise<LinkedImage> {
  const paths = entries.filter(mayBeLoaded).map((entry) => entry.path);
  const readings =
    paths.length === 0
      ? new Map<string, never>()
      : await openTree(path, { exec, signal }, (tree) => tree.readFiles(paths, (file) => readElf(file)));
  return readLinkedImage(entries, (file) => readings.get(file));
}

/** Programs can be executed, and libraries have their name: no other file of an image is opened. */
function mayBeLoaded({ kind, mode, path }: ImageEntry): boolean {
  return kind === 'file' && ((mode & 0o111) !== 0 || /\.so(\.[^/]*)?$/.test(path));
}

/** A host with what some images bring, as it is when they are merged. */
export function withImages(host: HostLibraries, images: readonly LinkedImage[]): HostLibraries {
  return images.reduce(
    (below, { links, objects, others }): HostLibraries => ({
      ...below,
      linkTarget: (path) => links.get(path) ?? (objects.has(path) ? undefined : below.linkTarget(path)),
      facts: (path) => objects.get(path) ?? (links.has(path) || others.has(path) ? undefined : below.facts(path)),
    }),
    host,
  );
}
