import { indexType, type Descriptor } from '../registry/manifest.ts';

/** Small documents of a source as they were read, by what they were asked for by: see `documentName`. */
export type Documents = ReadonlyMap<string, Uint8Array>;

/** What a document is called in a bundle. */
export const documentName = {
  /** @param reference a tag or a digest. */
  manifest: (reference: string) => `manifests/${reference}`,
  blob: (digest: string) => `blobs/${digest}`,
  /** @param digest of what they refer to. */
  referrers: (digest: string) => `referrers/${digest}`,
  file: (name: string) => `files/${name}`,
} as const;

/** The tags of which there are manifests. */
export function tagsIn(documents: Documents): readonly string[] {
  return [...documents.keys()].flatMap((name) => /^manifests\/(\w[\w.-]{0,127})$/.exec(name)?.[1] ?? []);
}

/** Descriptors as an index that has them, as registries without the referrers API keep them. */
export function encodeReferrers(descriptors: readonly Descriptor[]): Buffer {
  const manifests = descriptors.map(({ annotations, ...descriptor }) => ({
    ...descriptor,
    annotations: Object.fromEntries(annotations),
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
}
