import type { Compression } from '../../host/unpack.ts';
import type { Blob } from '../publisher.ts';
import { titleKey } from './annotations.ts';
import { sha256Of, type Descriptor, type Manifest } from './manifest.ts';

/** What we publish: the type that most others use as well. */
export const sysextType = 'application/vnd.systemd.sysext.v1';
export const sysextLayerType = 'application/vnd.systemd.sysext.image.v1+raw';

type Found = { readonly blob: Blob; readonly layer: Descriptor } | { readonly reason: string };

/**
 * Finds the image among the layers of a manifest. There is no standard: layers of a type that names sysexts count first,
 * then those whose title ends in `.raw`, then a single archive, whose tree is to be an extension.
 */
export function imageLayerOf({ artifactType, layers }: Manifest): Found {
  if (isConfextType(artifactType)) return { reason: 'it is a confext' };
  for (const rule of rules) {
    const found = layers.flatMap((layer) => blobOf(layer, rule(layer, layers)));
    if (found.length > 1) return { reason: `it has ${found.length} images where one is expected` };
    const [only] = found;
    if (only !== undefined) return only;
  }
  if (layers.some(({ mediaType }) => isConfextType(mediaType))) return { reason: 'it is a confext' };
  const archives = layers.filter(({ mediaType }) => archiveTypes.test(mediaType)).length;
  return { reason: archives > 1 ? `it is a container image of ${archives} layers, not one` : 'it has no image' };
}

type Kind = Pick<Blob, 'form' | 'compression'>;

/** What a layer is by one way to tell; undefined where that does not tell. */
type Rule = (layer: Descriptor, all: readonly Descriptor[]) => Kind | undefined;

const rules: readonly Rule[] = [bySysextType, byTitle, byArchiveType];

function blobOf(layer: Descriptor, kind: Kind | undefined): { blob: Blob; layer: Descriptor }[] {
  const sha256 = sha256Of(layer.digest);
  if (kind === undefined || sha256 === undefined) return [];
  return [{ layer, blob: { sha256, size: layer.size, ...kind } }];
}

/** `...vnd.systemd.sysext.image.v1+raw`, `...vnd.frostyard.sysext.layer.v1.raw+zstd`, `...vnd.katl.sysext.raw.v1`. */
function bySysextType({ mediaType, annotations }: Descriptor): Kind | undefined {
  if (!/^application\/vnd\..*\bsysext\b/.test(mediaType) || !/\braw\b/.test(mediaType)) return undefined;
  const bySuffix = compressionNames.get(/\+([a-z]+)$/.exec(mediaType)?.[1] ?? '');
  return { form: 'raw', compression: bySuffix ?? titleKind(annotations.get(titleKey))?.compression ?? 'none' };
}

function byTitle({ annotations }: Descriptor): Kind | undefined {
  return titleKind(annotations.get(titleKey));
}

function titleKind(title: string | undefined): Kind | undefined {
  const [whole, suffix = ''] = /\.raw(?:\.([a-z]+))?$/.exec(title ?? '') ?? [];
  const compression = suffix === '' ? 'none' : compressionNames.get(suffix);
  return whole === undefined || compression === undefined ? undefined : { form: 'raw', compression };
}

function byArchiveType({ mediaType }: Descriptor, all: readonly Descriptor[]): Kind | undefined {
  if (all.length !== 1) return undefined;
  const [, suffix = ''] = archiveTypes.exec(mediaType) ?? [];
  const compression = suffix === '' ? 'none' : compressionNames.get(suffix);
  return archiveTypes.test(mediaType) && compression !== undefined ? { form: 'tar', compression } : undefined;
}

const archiveTypes =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[+.](gzip|zstd))?$/;

const compressionNames: ReadonlyMap<string, Compression> = new Map<string, Compression>([
  ['zstd', 'zstd'],
  ['zst', 'zstd'],
  ['gzip', 'gzip'],
  ['gz', 'gzip'],
  ['xz', 'xz'],
]);

function isConfextType(mediaType: string): boolean {
  return /\bconfext\b/.test(mediaType);
}
