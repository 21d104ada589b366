import type { Compression } from '../../host/unpack.ts';
import type { Blob } from '../publisher.ts';
import { titleKey } from './annotations.ts';
import { sha256Of, type Annotations, type Descriptor, type Manifest } from './manifest.ts';

/** What we publish: the type that most others use as well. */
export const sysextType = 'application/vnd.systemd.sysext.v1';
export const sysextLayerType = 'application/vnd.systemd.sysext.image.v1+raw';

/** What there is to fetch, and what the layer says of it, where it is one. */
type Found = { readonly blob: Blob; readonly annotations: Annotations } | { readonly reason: string };

/**
 * Finds the image among the layers of a manifest. There is no standard: layers of a type that names sysexts count first,
 * then those whose title ends in `.raw`, then archives, whose tree is to be an extension.
 * @param digest of the manifest, in hexadecimal: it stands for its layers where the tree comes in several.
 */
export function imageIn({ artifactType, layers }: Manifest, digest: string): Found {
  if (isConfextType(artifactType)) return { reason: 'it is a confext' };
  for (const rule of rules) {
    const found = layers.flatMap((layer) => blobOf(layer, rule(layer, layers)));
    if (found.length > 1) return { reason: `it has ${found.length} images where one is expected` };
    const [only] = found;
    if (only !== undefined) return { blob: only.blob, annotations: only.layer.annotations };
  }
  if (layers.some(({ mediaType }) => isConfextType(mediaType))) return { reason: 'it is a confext' };
  return layeredTree(layers, digest);
}

/** What container tools take at most. */
const mostLayers = 127;

/** A container image of several layers, as extensions of Talos are: all of them are archives. */
function layeredTree(layers: readonly Descriptor[], digest: string): Found {
  const sent = layers.flatMap((layer) => blobOf(layer, archiveKind(layer))).map(({ blob }) => blob);
  if (sent.length === 0 || sent.length !== layers.length) return { reason: 'it has no image' };
  if (sent.length > mostLayers) return { reason: `it has ${sent.length} layers, more than ${mostLayers}` };
  const size = sent.reduce((sum, one) => sum + (one.size ?? 0), 0);
  const blob: Blob = { sha256: digest, size, compression: 'none', form: 'tar', layers: sent };
  return { blob, annotations: new Map() };
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

function byArchiveType(layer: Descriptor, all: readonly Descriptor[]): Kind | undefined {
  return all.length === 1 ? archiveKind(layer) : undefined;
}

function archiveKind({ mediaType }: Descriptor): Kind | undefined {
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
