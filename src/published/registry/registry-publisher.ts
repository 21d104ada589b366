import type { Architecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import type { RegistryReference } from '../../core/image-reference.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import { ruleFor } from '../../core/trust-rules.ts';
import type { PublishedVersion, Publisher } from '../publisher.ts';
import type { Claim } from '../trust/claim.ts';
import { vouchForManifest, type Trust } from '../trust/trust.ts';
import type { Voucher } from '../trust/voucher.ts';
import { saidBy } from './annotations.ts';
import { describe, type Read } from './description.ts';
import type { RegistryAccess } from './endpoint.ts';
import { openRepository, type Fetched, type Repository } from './repository.ts';
import { signaturesOf } from './signatures.ts';
import { isVersionTag, versionOf, versionsAmong } from './tags.ts';

export interface RegistryPublisherOptions {
  readonly reference: RegistryReference;
  /** The extension that is to be filled, where that is known before: else it is what the image says that it is. */
  readonly name?: string;
  /** Of the one who asks. */
  readonly architecture: Architecture;
  /** Whether an image fits the one who asks, where there are several for one architecture. */
  readonly fits?: (release: ReleaseFields) => boolean;
  readonly trust: Trust;
  /** Whether the one who asks knows the digest that the reference gives, rather than to have it from elsewhere: so it is. */
  readonly pinned?: boolean;
}

/** A repository of a registry as a publisher, over the network. */
export function createRegistryPublisher(
  options: RegistryPublisherOptions & { readonly access: RegistryAccess },
): Publisher {
  const { access, reference } = options;
  return publisherIn(openRepository(access, reference.registry, reference.repository), options);
}

/** A repository as a publisher. Tags only choose: what is described is fetched by digest from then on. */
export function publisherIn(repository: Repository, options: RegistryPublisherOptions): Publisher {
  const { reference, architecture, fits, trust, pinned = true } = options;
  const expected = options.name ?? reference.repository.split('/').at(-1) ?? '';
  const asked = { repository, expected, architecture, fits };
  const read = new Map<string, Read>();
  return {
    place: repository.place,
    versions: async (signal) => {
      const key = reference.digest ?? reference.tag;
      if (key === undefined) return versionsAmong(await repository.tags(signal));
      return [pinnedVersion(key, reference.tag, await repository.manifest(key, signal), expected)];
    },
    describe: async (version, signal) => {
      const found = await describe(asked, version, await repository.manifest(version.key, signal), signal);
      if ('reason' in found) return { kind: 'passed-over', reason: found.reason };
      read.set(found.offer.reference, found);
      return { kind: 'offer', offer: found.offer };
    },
    vouch: async (offer, signal) => {
      const claim: Claim = {
        place: repository.place,
        // What an image says of itself is not what was asked for: a signer has more than one.
        name: options.name ?? expected,
        version: offer.version.version,
        ...(offer.architecture === undefined ? {} : { architecture: offer.architecture }),
        pinned: pinned && reference.digest !== undefined,
      };
      const found = read.get(offer.reference);
      if (found?.offer.blob.sha256 === offer.blob.sha256) return vouchFor(trust, claim, found, repository, signal);
      throw new AgentError('internal', `${offer.reference} was not described before it was to be vouched for`);
    },
    fetch: (_, file, more) => repository.download(file, more),
  };
}

/** The version of what was asked for by tag or digest: what it says itself; a tag that is a version must agree. */
function pinnedVersion(
  key: string,
  tag: string | undefined,
  { document }: Fetched,
  expected: string,
): PublishedVersion {
  const said = document.kind === 'unreadable' ? undefined : saidBy(document.annotations, expected).version;
  const asked = tag !== undefined && isVersionTag(tag) ? versionOf(tag) : undefined;
  if (asked !== undefined && (said === undefined || !isOfSeries(said, asked))) return { version: asked, key };
  return { version: said ?? tag ?? '', key };
}

/** Whether a tag such as `1.7` may be on its way with the newest of 1.7.1, 1.7.2 and so on. */
function isOfSeries(version: string, series: string): boolean {
  return version.startsWith(series) && /^[.-]/.test(version.slice(series.length));
}

/** Gets the manifest again by its digest, since many may have been described, and what is signed beside it. */
async function vouchFor(
  trust: Trust,
  claim: Claim,
  { offer, manifest, index, statement }: Read,
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<Voucher> {
  const digests = [manifest, ...(index === undefined ? [] : [index])];
  const [first, list] = await Promise.all(digests.map((digest) => repository.manifest(digest, signal)));
  if (first === undefined) throw new TypeError('an offer always has a manifest');
  const needsSignature = !claim.pinned && ruleFor(trust.rules, claim)?.keys !== undefined;
  const found = needsSignature
    ? await Promise.all(digests.map((digest) => signaturesOf(repository, digest, signal)))
    : [];
  const published = { bytes: first.bytes, statement, sha256: offer.blob.sha256 };
  const document = list === undefined ? published : { ...published, index: list.bytes };
  return vouchForManifest(trust, claim, document, found.flat());
}
