import { sha256 } from '../../host/digest.ts';
import type { Offer } from '../publisher.ts';
import type { Repository } from '../registry/repository.ts';
import { signaturesOf } from '../registry/signatures.ts';
import type { PublishedSource } from '../source.ts';
import type { ListedDirectory } from '../web/directory.ts';
import { fetchSignatures, listName } from '../web/list.ts';
import { largestList } from '../web/sums.ts';
import { documentName, encodeReferrers, type Documents } from './documents.ts';

/** A source of which every document that is read is kept. */
export interface Recording {
  readonly source: PublishedSource;
  readonly documents: Documents;
  /**
   * Reads what proves an offer, all of it: the one who opens the bundle may trust others than this host does.
   * @param offer that the publisher made of this source.
   * @throws AgentError `network`, `interrupted`
   */
  readProof(offer: Offer, signal?: AbortSignal): Promise<void>;
}

/** Records what is read of a source. */
export function recordingOf(source: PublishedSource): Recording {
  const documents = new Map<string, Uint8Array>();
  if (source.kind === 'directory') {
    const directory = recordedReading(source.directory, documents);
    return {
      source: { kind: 'directory', directory },
      documents,
      readProof: (_, signal) => readList(directory, signal),
    };
  }
  const repository = recordedAsking(source.repository, documents);
  return {
    source: { kind: 'repository', repository },
    documents,
    readProof: (offer, signal) => readSignatures(repository, documents, offer, signal),
  };
}

type Record = Map<string, Uint8Array>;

/** A list and its signatures belong together: none is read a second time. */
function recordedReading(directory: ListedDirectory, documents: Record): ListedDirectory {
  return {
    ...directory,
    read: async (file, maxSize, signal) => {
      const name = documentName.file(file);
      const bytes = documents.get(name) ?? (await directory.read(file, maxSize, signal));
      if (bytes === undefined) return undefined;
      documents.set(name, bytes);
      return Buffer.from(bytes);
    },
  };
}

function recordedAsking(repository: Repository, documents: Record): Repository {
  return {
    ...repository,
    manifest: async (reference, signal) => {
      const fetched = await repository.manifest(reference, signal);
      documents.set(documentName.manifest(reference), fetched.bytes);
      return fetched;
    },
    blob: async (blob, maxSize, signal) => {
      const bytes = await repository.blob(blob, maxSize, signal);
      documents.set(documentName.blob(blob.digest), bytes);
      return bytes;
    },
    referrers: async (digest, signal) => {
      const descriptors = await repository.referrers(digest, signal);
      documents.set(documentName.referrers(digest), encodeReferrers(descriptors));
      return descriptors;
    },
  };
}

async function readList(directory: ListedDirectory, signal: AbortSignal | undefined): Promise<void> {
  if ((await directory.read(listName, largestList, signal)) === undefined) return;
  await fetchSignatures(directory, ['openpgp', 'cosign'], signal);
}

/** Those of the manifest, and of the index that led to it. */
async function readSignatures(
  repository: Repository,
  documents: Documents,
  { version, reference }: Offer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const asked = documents.get(documentName.manifest(version.key));
  const digests = [reference.slice(reference.indexOf('@') + 1), ...(asked ? [`sha256:${sha256(asked)}`] : [])];
  for (const digest of new Set(digests)) await signaturesOf(repository, digest, signal);
}
