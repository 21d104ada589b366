import { isAgentError } from '../../core/errors.ts';
import type { ManifestSignature } from '../trust/claim.ts';
import type { Descriptor, Manifest } from './manifest.ts';
import type { Repository } from './repository.ts';

const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureKey = 'dev.cosignproject.cosign/signature';
/** `application/vnd.dev.sigstore.bundle.v0.3+json`, and as parameter of a version before. */
const bundleType = /^application\/vnd\.dev\.sigstore\.bundle\b/;
const signatureTypes = /^application\/vnd\.dev\.(?:cosign|sigstore)\b/;

/** More signatures of one manifest are not looked at: each of them has to be fetched. */
const most = 20;
const largest = { payload: 64 * 1024, bundle: 256 * 1024, signature: 8192 };

/**
 * Everything that is signed beside a manifest, not verified yet: the tag of cosign, and what refers to it. What is
 * damaged counts as not there.
 * @throws AgentError `network`, `interrupted`
 */
export async function signaturesOf(
  repository: Repository,
  digest: string,
  signal?: AbortSignal,
): Promise<readonly ManifestSignature[]> {
  const attached = (await repository.referrers(digest, signal)).filter(isSignature).slice(0, most);
  const names = [`${digest.replace(':', '-')}.sig`, ...attached.map((descriptor) => descriptor.digest)];
  const found: ManifestSignature[] = [];
  for (const name of names) {
    const manifest = await soundOnly(() => repository.manifest(name, signal));
    if (manifest?.document.kind !== 'manifest') continue;
    found.push(...(await signaturesIn(repository, manifest.document, most - found.length, signal)));
  }
  return found;
}

function isSignature({ artifactType, mediaType }: Descriptor): boolean {
  // Some registries do not repeat the type: what it is shows then.
  return artifactType === '' ? mediaType.endsWith('manifest.v1+json') : signatureTypes.test(artifactType);
}

async function signaturesIn(
  repository: Repository,
  { layers }: Manifest,
  room: number,
  signal: AbortSignal | undefined,
): Promise<readonly ManifestSignature[]> {
  const found: ManifestSignature[] = [];
  for (const layer of layers.filter(holdsSignature).slice(0, room)) {
    const limit = layer.mediaType === simpleSigningType ? largest.payload : largest.bundle;
    if (layer.size > limit) continue;
    const bytes = await soundOnly(() => repository.blob(layer, limit, signal));
    if (bytes !== undefined) found.push(signatureOf(layer, bytes));
  }
  return found;
}

function holdsSignature({ mediaType, annotations }: Descriptor): boolean {
  if (bundleType.test(mediaType)) return true;
  const text = annotations.get(signatureKey);
  return mediaType === simpleSigningType && text !== undefined && text.length <= largest.signature;
}

function signatureOf({ mediaType, annotations }: Descriptor, bytes: Buffer): ManifestSignature {
  if (mediaType !== simpleSigningType) return { kind: 'bundle', bytes };
  const signature = Buffer.from(annotations.get(signatureKey) ?? '', 'base64');
  return { kind: 'simple-signing', payload: bytes, signature };
}

/** What is fetched, or undefined where it is not there or not sound: a signature that is of no use makes nothing good. */
async function soundOnly<T>(fetch: () => Promise<T>): Promise<T | undefined> {
  try {
    return await fetch();
  } catch (error) {
    if (isAgentError(error, 'no-such-file', 'verification-failed')) return undefined;
    throw error;
  }
}
