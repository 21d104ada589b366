import { join } from 'node:path';

import { jsonCount, jsonList, jsonMatch, jsonStruct, jsonText } from '../../core/json.ts';
import { quote } from '../../core/yaml/text.ts';
import { fileStatus, makeTemporaryDirectory } from '../../host/files.ts';
import { readTar } from '../../host/tar.ts';
import { unpack } from '../../host/unpack.ts';
import type { ImageSource } from '../spec/sources.ts';
import { createContainerTree } from '../tree/container-tree.ts';
import type { ContainerImage, ImageLayer } from './container-images.ts';
import type { Fetching, SettledSource, SourceFiles } from './means.ts';
import { notInCache } from './missing.ts';
import { partOf } from './part.ts';
import { selectionOf } from './selection.ts';

/** The most that one layer may unpack to, in bytes. */
const mostUnpacked = 16 * 1024 ** 3;

/** Files of a container image. */
export async function settleImage(name: string, source: ImageSource, means: Fetching): Promise<SettledSource> {
  const { value: reference } = source.ref;
  const image = await imageNow(name, reference, means);
  const { repository, digest, named } = image;
  const part = { path: source.path, ...selectionOf(source) };
  return {
    identity: JSON.stringify(['image', digest, part.path?.value, part.includes, part.excludes]),
    materials: [{ name, uri: `oci://${repository}`, digest: { sha256: digest.slice('sha256:'.length) } }],
    warnings: isPinned(reference) ? [] : [unpinned(name, reference, named)],
    files: async (): Promise<SourceFiles> => {
      const tree = createContainerTree();
      for (const layer of image.layers) tree.apply(readTar(await unpackedLayer(name, image, layer, means)));
      return { nodes: partOf(name, [...tree.entries.values()], part) };
    },
  };
}

function isPinned(reference: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(reference);
}

const kind = 'image';
const sha256Digest = jsonMatch(/^sha256:[0-9a-f]{64}$/, 'a digest');
const kept = jsonStruct({
  repository: jsonText(),
  digest: sha256Digest,
  named: sha256Digest,
  layers: jsonList(
    jsonStruct({
      sha256: jsonMatch(/^[0-9a-f]{64}$/, 'a sha256'),
      size: jsonCount,
      compression: jsonMatch(/^(none|gzip|zstd)$/, 'a compression') as (
        value: unknown,
        path: string,
      ) => ImageLayer['compression'],
    }),
    1000,
  ),
});

/** What the reference stands for: with a digest always the same, else what the registry says now; offline, said last. */
async function imageNow(name: string, reference: string, means: Fetching): Promise<ContainerImage> {
  const { images, store, architecture, offline, progress, signal } = means;
  const thing = `${reference} ${architecture}`;
  if (offline || isPinned(reference)) {
    const known = store.note(kind, thing, kept);
    if (known !== undefined) return known;
    if (offline) throw notInCache(name);
  }
  progress.step(`looking for the image of the source ${name}`);
  const found = await images.find(reference, architecture, signal);
  store.remember(kind, thing, found);
  return found;
}

/** A layer as an uncompressed archive in the work directory. */
async function unpackedLayer(name: string, image: ContainerImage, layer: ImageLayer, means: Fetching): Promise<string> {
  const { store, images, offline, progress, exec, work, signal } = means;
  const hash = { algorithm: 'sha256', hex: layer.sha256 } as const;
  const path = store.pathOf(hash);
  if (!store.has(hash)) {
    if (offline) throw notInCache(name);
    progress.step(`fetching a layer of ${image.repository} for the source ${name}`);
    await images.fetch(image, layer, path, signal);
  }
  const output = join(makeTemporaryDirectory(work), 'layer.tar');
  const range = { path, offset: 0, length: fileStatus(path)?.size ?? 0 };
  await unpack(range, layer.compression, output, {
    exec,
    limit: mostUnpacked,
    ...(signal === undefined ? {} : { signal }),
  });
  return output;
}

function unpinned(name: string, reference: string, digest: string): string {
  const pin = `${reference.replace(/@.*$/, '')}@${digest}`;
  return `the source ${quote(name)} is the image ${reference}, which can change: it was ${digest}; write ${pin} to keep it`;
}
