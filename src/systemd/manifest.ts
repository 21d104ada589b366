import { manifestDirectory, manifestSuffix, parseSpdx, type ManifestPackage } from '../core/sbom.ts';
import type { Exec } from '../host/exec.ts';
import type { ImageTree } from './image-tree.ts';
import { openTree } from './open-image.ts';

/** One of 10,000 packages has some 6 MB. */
const largestManifest = 32 * 1024 * 1024;

/**
 * The packages that the manifests in an image list; undefined where it carries none that can be read.
 * @throws AgentError as readImageFacts().
 */
export function readManifest(
  path: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<readonly ManifestPackage[] | undefined> {
  return openTree(path, { exec, signal }, async (tree) => {
    if (!isThere(tree)) return undefined;
    const paths = tree.namesIn(manifestDirectory).map((name) => `${manifestDirectory}/${name}`);
    const fit = paths.filter((inside) => {
      const entry = inside.endsWith(manifestSuffix) ? tree.entryAt(inside) : undefined;
      return entry?.kind === 'file' && entry.size <= largestManifest;
    });
    const texts = await tree.readFiles(fit.slice(0, mostManifests), (file) => file.read(0, file.size).toString());
    const lists = [...texts.values()].flatMap((text) => parseSpdx(text) ?? []);
    return texts.size === 0 ? undefined : lists;
  });
}

const mostManifests = 8;

/** Whether every part of the way to the manifests is a directory, and none a link. */
function isThere(tree: ImageTree): boolean {
  const parts = manifestDirectory.split('/');
  return parts.every((_, index) => tree.entryAt(parts.slice(0, index + 1).join('/'))?.kind === 'directory');
}
