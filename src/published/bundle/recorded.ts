import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { placeOfReference, type ImageReference } from '../../core/image-reference.ts';
import { sha256 } from '../../host/digest.ts';
import type { DownloadOptions, WantedFile } from '../../host/http.ts';
import { decodeManifest } from '../registry/manifest.ts';
import { fetchedOf, type Repository } from '../registry/repository.ts';
import type { PublishedSource } from '../source.ts';
import type { ListedDirectory } from '../web/directory.ts';
import { addressIn } from '../web/web-directory.ts';
import { documentName, tagsIn, type Documents } from './documents.ts';

/** What was recorded of a source, none of it verified. */
export interface Recorded {
  /** The file that has it, for messages. */
  readonly file: string;
  readonly documents: Documents;
  /** Brings an image here, as `Http.download` does. */
  readonly fetch: (wanted: WantedFile, options?: DownloadOptions) => Promise<void>;
}

/** The source of a reference as it was recorded: what is read of it is held against the same digests and signatures. */
export function recordedSource(reference: ImageReference, recorded: Recorded): PublishedSource {
  return reference.kind === 'oci'
    ? { kind: 'repository', repository: recordedRepository(placeOfReference(reference), recorded) }
    : { kind: 'directory', directory: recordedDirectory(reference, recorded) };
}

function recordedDirectory(
  reference: Exclude<ImageReference, { kind: 'oci' }>,
  { documents, fetch }: Recorded,
): ListedDirectory {
  const { kind, text } = reference;
  return {
    place: placeOfReference(reference),
    nameOf: (file) => (kind === 'directory' ? join(text, file) : addressIn(text, file)),
    read: (file, maxSize) => {
      const bytes = documents.get(documentName.file(file));
      return Promise.resolve(bytes === undefined || bytes.length > maxSize ? undefined : Buffer.from(bytes));
    },
    fetch: (_, wanted, options) => fetch(wanted, options),
  };
}

function recordedRepository(place: string, { file, documents, fetch }: Recorded): Repository {
  const found = (name: string): Buffer => {
    const bytes = documents.get(name);
    if (bytes === undefined) throw new AgentError('no-such-file', `${file} has no ${name} of ${place}`);
    return Buffer.from(bytes);
  };
  return {
    place,
    tags: () => Promise.resolve(tagsIn(documents)),
    manifest: async (reference) => {
      const fetched = await Promise.resolve(fetchedOf(found(documentName.manifest(reference))));
      if (reference.includes(':')) requireDigest(file, reference, fetched.digest);
      return fetched;
    },
    blob: async ({ digest }, maxSize) => {
      const bytes = await Promise.resolve(found(documentName.blob(digest)));
      requireDigest(file, digest, `sha256:${sha256(bytes)}`);
      if (bytes.length <= maxSize) return bytes;
      throw new AgentError('verification-failed', `${digest} in ${file} is larger than the ${maxSize} bytes allowed`);
    },
    download: fetch,
    referrers: (digest) => {
      const bytes = documents.get(documentName.referrers(digest));
      const decoded = bytes === undefined ? undefined : decodeManifest(bytes);
      const index = decoded !== undefined && 'value' in decoded ? decoded.value : undefined;
      return Promise.resolve(index?.kind === 'index' ? index.manifests : []);
    },
  };
}

function requireDigest(file: string, expected: string, found: string): void {
  if (expected === found) return;
  throw new AgentError('verification-failed', `${file} has something else for ${expected}`, {
    unverified: 'digest',
    facts: [`expected: ${expected}`, `found:    ${found}`],
    left: 'Nothing was taken.',
    next: 'The bundle was altered or is damaged: get it again from where it was made.',
  });
}
