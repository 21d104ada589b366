import { dockerArchitecture, type Architecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import { sha256 } from '../../host/digest.ts';
import type { Progress } from '../../host/progress.ts';
import { annotationsOf, annotationsOfAll, type Described } from './annotations.ts';
import { indexType, manifestType, type Annotations } from './manifest.ts';
import { sysextLayerType, sysextType } from './media-types.ts';
import type { Upload } from './upload.ts';

/** An image to publish, as it was read. */
export interface PublishedImage extends Described {
  readonly path: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  /** What it runs on; absent where that is everything. */
  readonly architecture?: Architecture;
}

export interface Publication {
  readonly images: readonly PublishedImage[];
  /** More annotations, which all documents get: where it is from, its licenses. */
  readonly annotations: Annotations;
}

/** A document for a registry. */
export interface Document {
  readonly text: string;
  /** `sha256:` and hexadecimal digits. */
  readonly digest: string;
}

/** The documents of a publication, by which it is known before a byte is sent. */
export interface Documents {
  readonly images: readonly {
    readonly image: PublishedImage;
    readonly config: Document;
    readonly manifest: Document;
  }[];
  readonly index: Document;
}

/**
 * Makes the documents that describe images: for each a configuration, as containers have it, so that programs made for
 * those understand it, and a manifest; and the index of all. The same images give the same documents.
 * @throws AgentError `usage` for images that do not go together.
 */
export function documentsOf({ images, annotations }: Publication): Documents {
  requireOne(images);
  const made = images.map((image) => {
    const config = documentOf(configOf(image));
    return { image, config, manifest: documentOf(manifestOf(image, config, annotations)) };
  });
  return { images: made, index: documentOf(indexOf(made, annotations)) };
}

/** One index is of one version of one extension, and has no two images between which nobody could choose. */
function requireOne(images: readonly PublishedImage[]): void {
  const [first] = images;
  for (const image of images) {
    if (first === undefined || (image.name === first.name && image.version === first.version)) continue;
    throw notTogether(
      `${first.title} is ${first.name} ${first.version}`,
      `${image.title} is ${image.name} ${image.version}`,
    );
  }
  const bySystem = new Map<string, PublishedImage>();
  for (const image of images) {
    const { ID, VERSION_ID, SYSEXT_LEVEL } = image.release;
    const system = JSON.stringify([image.architecture, ID, VERSION_ID, SYSEXT_LEVEL]);
    const other = bySystem.get(system);
    if (other !== undefined) throw notTogether(`${other.title} and ${image.title} are for the same systems`);
    bySystem.set(system, image);
  }
}

function notTogether(...facts: readonly string[]): AgentError {
  return new AgentError('usage', 'these images cannot be published as one', {
    facts,
    left: 'Nothing was sent.',
    next: 'Publish one image for each architecture, all of the same name and version.',
  });
}

function documentOf(value: object): Document {
  const text = JSON.stringify(value);
  return { text, digest: `sha256:${sha256(text)}` };
}

const configType = 'application/vnd.oci.image.config.v1+json';

/** The platform of an image; an image for all architectures has none. */
function platformOf({ architecture }: PublishedImage): { os: string; architecture: string } | undefined {
  return architecture === undefined ? undefined : { os: 'linux', architecture: dockerArchitecture(architecture) };
}

function configOf(image: PublishedImage): object {
  return {
    ...(platformOf(image) ?? { os: 'linux', architecture: 'unknown' }),
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${image.sha256}`] },
  };
}

function manifestOf(image: PublishedImage, config: Document, more: Annotations): object {
  const own = annotationsOf(image);
  const title = { 'org.opencontainers.image.title': image.title };
  return {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: sysextType,
    config: descriptorOf(config, configType),
    layers: [{ mediaType: sysextLayerType, digest: `sha256:${image.sha256}`, size: image.size, annotations: title }],
    annotations: Object.fromEntries([...more, ...own]),
  };
}

function indexOf(images: Documents['images'], more: Annotations): object {
  const [first] = images;
  const common = first === undefined ? [] : annotationsOfAll(first.image);
  return {
    schemaVersion: 2,
    mediaType: indexType,
    artifactType: sysextType,
    manifests: images.map(({ image, manifest }) => {
      const platform = platformOf(image);
      return {
        ...descriptorOf(manifest, manifestType),
        artifactType: sysextType,
        annotations: Object.fromEntries(annotationsOf(image)),
        ...(platform === undefined ? {} : { platform }),
      };
    }),
    annotations: Object.fromEntries([...more, ...common]),
  };
}

function descriptorOf({ text, digest }: Document, mediaType: string): object {
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

export interface SendOptions {
  readonly tags: readonly string[];
  /** Another repository of the same registry that may have the images. */
  readonly from?: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** What became of the blob of each image, in their order. */
export type Sent = readonly ('sent' | 'mounted' | 'there')[];

/** Sends a publication: blobs, then manifests, then the index under its tags. So a tag never names what is not whole. */
export async function publish(upload: Upload, { images, index }: Documents, options: SendOptions): Promise<Sent> {
  const { tags, from, progress, signal } = options;
  const more = { progress, ...(signal === undefined ? {} : { signal }) };
  const sent: ('sent' | 'mounted' | 'there')[] = [];
  for (const { image, config, manifest } of images) {
    progress.step(`sending ${image.title}`);
    const blob = { sha256: image.sha256, size: image.size, content: image.path };
    sent.push(await upload.blob(blob, { ...more, ...(from === undefined ? {} : { from }) }));
    const bytes = Buffer.from(config.text);
    await upload.blob({ sha256: sha256(bytes), size: bytes.length, content: bytes }, more);
    await upload.manifest(manifest.text, manifestType, undefined, signal);
  }
  for (const tag of tags) await upload.manifest(index.text, indexType, tag, signal);
  return sent;
}
