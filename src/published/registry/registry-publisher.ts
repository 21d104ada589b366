import type { Architecture } from '../../core/architecture.ts';
import { AgentError, isAgentError } from '../../core/errors.ts';
import type { RegistryReference } from '../../core/image-reference.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import type { Offer, PublishedVersion, Publisher } from '../publisher.ts';
import type { Claim, ManifestSignature } from '../trust/claim.ts';
import type { Voucher } from '../trust/voucher.ts';
import { saidBy } from './annotations.ts';
import { describe, type Read, type SignedManifest } from './description.ts';
import type { RegistryAccess } from './endpoint.ts';
import { openRepository, type Fetched, type Repository } from './repository.ts';
import { signaturesOf } from './signatures.ts';
import { isVersionTag, versionOf, versionsAmong } from './tags.ts';

/**
 * Finds out whether one of the signatures is good, of somebody who may speak for what is claimed, and about that.
 * @throws AgentError `verification-failed` where nobody vouches for it whom this host trusts.
 */
export type ManifestVouching = (
  claim: Claim,
  signed: SignedManifest,
  signatures: readonly ManifestSignature[],
) => Voucher | Promise<Voucher>;

export type { SignedManifest } from './description.ts';

export interface RegistryPublisherSettings {
  readonly reference: RegistryReference;
  readonly access: RegistryAccess;
  /** Of the one who asks. */
  readonly architecture: Architecture;
  /** Whether an image fits the one who asks, where there are several for one architecture. */
  readonly fits?: (release: ReleaseFields) => boolean;
  readonly vouchForManifest: ManifestVouching;
}

/** A repository of a registry as a publisher. Tags only choose: what is described is fetched by digest from then on. */
export function createRegistryPublisher(settings: RegistryPublisherSettings): Publisher {
  const { reference, access, vouchForManifest, architecture, fits } = settings;
  const repository = openRepository(access, reference.registry, reference.repository);
  const lastName = reference.repository.split('/').at(-1) ?? '';
  const documents = new Map<string, Fetched>();
  const read = new Map<string, Read>();
  const documentOf = async (key: string, signal?: AbortSignal): Promise<Fetched> => {
    const known = documents.get(key);
    if (known !== undefined) return known;
    const fetched = await repository.manifest(key, signal);
    documents.set(key, fetched);
    return fetched;
  };
  return {
    place: repository.place,
    versions: async (signal) => {
      const key = reference.digest ?? reference.tag;
      if (key === undefined) return versionsAmong(await repository.tags(signal));
      return [pinnedVersion(key, reference.tag, await documentOf(key, signal), lastName)];
    },
    describe: async (version, signal) => {
      const found = await describe(
        { repository, lastName, architecture, fits },
        version,
        await documentOf(version.key, signal),
        signal,
      );
      if ('reason' in found) return { kind: 'passed-over', reason: found.reason };
      read.set(found.offer.reference, found);
      return { kind: 'offer', offer: found.offer };
    },
    vouch: async (offer, signal) => {
      const claim: Claim = {
        place: repository.place,
        name: offer.name ?? lastName,
        version: offer.version.version,
        ...(offer.architecture === undefined ? {} : { architecture: offer.architecture }),
        pinned: reference.digest !== undefined,
      };
      return firstVoucher(claim, signedOf(read, offer), repository, vouchForManifest, signal);
    },
    fetch: (offer, file, options) => repository.download({ ...file, sha256: offer.blob.sha256 }, options),
  };
}

/** The version of what was asked for by tag or digest: what it says itself; a tag that is a version must agree. */
function pinnedVersion(
  key: string,
  tag: string | undefined,
  { document }: Fetched,
  lastName: string,
): PublishedVersion {
  const said = document.kind === 'unreadable' ? undefined : saidBy(document.annotations, lastName).version;
  const asked = tag !== undefined && isVersionTag(tag) ? versionOf(tag) : undefined;
  if (asked !== undefined && (said === undefined || !isOfSeries(said, asked))) return { version: asked, key };
  return { version: said ?? tag ?? '', key };
}

/** Whether a tag such as `1.7` may be on its way with the newest of 1.7.1, 1.7.2 and so on. */
function isOfSeries(version: string, series: string): boolean {
  return version.startsWith(series) && /^[.-]/.test(version.slice(series.length));
}

function signedOf(read: ReadonlyMap<string, Read>, { reference, blob }: Offer): readonly SignedManifest[] {
  const found = read.get(reference);
  if (found?.offer.blob.sha256 === blob.sha256) return found.signed;
  throw new AgentError('internal', `${reference} was not described before it was to be vouched for`);
}

/** Asks for each document that could be signed; those that are come first. */
async function firstVoucher(
  claim: Claim,
  signed: readonly SignedManifest[],
  repository: Repository,
  vouchFor: ManifestVouching,
  signal: AbortSignal | undefined,
): Promise<Voucher> {
  const all = await Promise.all(
    signed.map(async (one) => ({ one, signatures: await signaturesOf(repository, one.digest, signal) })),
  );
  const isSigned = ({ signatures }: (typeof all)[number]) => signatures.length > 0;
  let refusal: unknown;
  for (const { one, signatures } of [...all.filter(isSigned), ...all.filter((each) => !isSigned(each))]) {
    try {
      return await vouchFor(claim, one, signatures);
    } catch (error) {
      if (!isAgentError(error, 'verification-failed')) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}
