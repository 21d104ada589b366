import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { systemClock } from '../../../src/host/clock.ts';
import { manifestType } from '../../../src/published/registry/manifest.ts';
import { openUpload } from '../../../src/published/registry/upload.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Makes a key pair of the kind that cosign makes. */
export function makeCosignKey(key: string, publicKey: string): void {
  execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key]);
  execFileSync('openssl', ['pkey', '-in', key, '-pubout', '-out', publicKey]);
}

/** The signature of some bytes, in base64. */
export function cosignSignature(key: string, bytes: string | Uint8Array): string {
  using work = temporaryDirectory();
  writeFileSync(work.at('payload'), bytes);
  return execFileSync('openssl', ['dgst', '-sha256', '-sign', key, work.at('payload')]).toString('base64');
}

/** How `cosign sign` attaches a signature: by a tag, or by a manifest that refers to what is signed. */
export type Attachment = 'tag' | 'referrer' | 'bundle';

export interface Signing {
  /** Where it is put; by a tag where nothing is said. */
  readonly as?: Attachment;
  /** The digest beside which it is found, where that is not the one that is signed. */
  readonly beside?: string;
}

/**
 * Signs the digest of a manifest as cosign does, and puts the signature beside it.
 * @param registry that is spoken to without encryption.
 * @param key the path of a private key, or a bundle that is signed already.
 * @returns the line by which an index of referrers names it.
 */
export async function signManifest(
  registry: string,
  repository: string,
  digest: string,
  key: string | Buffer,
  { as = typeof key === 'string' ? 'tag' : 'bundle', beside = digest }: Signing = {},
): Promise<object> {
  const registries = new Map([[registry, { mirrors: [], plainHttp: true }]]);
  const access = { registries, credentials: () => undefined, env: {}, clock: systemClock };
  const upload = openUpload(access, registry, repository);
  const { type, configType, layerType, layer, annotations } =
    as === 'bundle' || typeof key !== 'string'
      ? attachedBundle(typeof key === 'string' ? bundleOf(digest, key) : key)
      : simpleOf({ registry, repository, digest }, key);
  const config = Buffer.from('{}');
  for (const blob of [layer, config]) await upload.blob({ sha256: sha256(blob), size: blob.length, content: blob });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    ...(as === 'tag' ? {} : { artifactType: type, subject: { mediaType: manifestType, digest: beside, size: 2 } }),
    config: descriptorOf(as === 'tag' ? 'application/vnd.oci.image.config.v1+json' : configType, config),
    layers: [{ ...descriptorOf(layerType, layer), annotations }],
  });
  const tag = as === 'tag' ? `${beside.replace(':', '-')}.sig` : undefined;
  await upload.manifest(manifest, manifestType, tag);
  return { ...descriptorOf(manifestType, Buffer.from(manifest)), artifactType: type };
}

const descriptorOf = (mediaType: string, blob: Buffer) => ({
  mediaType,
  digest: `sha256:${sha256(blob)}`,
  size: blob.length,
});

interface Signed {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
}

/** "Simple signing": SIGNATURE_SPEC.md of cosign; as a referrer, the types of its specs/SIGNATURE_SPEC with OCI 1.1. */
function simpleOf({ registry, repository, digest }: Signed, key: string) {
  const payload = JSON.stringify({
    critical: {
      identity: { 'docker-reference': `${registry}/${repository}` },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const type = 'application/vnd.dev.cosign.artifact.sig.v1+json';
  return {
    type,
    configType: type,
    layerType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    layer: Buffer.from(payload),
    annotations: { 'dev.cosignproject.cosign/signature': cosignSignature(key, payload) },
  };
}

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const predicateType = 'https://sigstore.dev/cosign/sign/v1';

/** What cosign signs of a manifest where it makes bundles. */
export function signedStatement(digest: string): object {
  const subject = [{ digest: { sha256: digest.replace('sha256:', '') } }];
  return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate: {} };
}

/** A Sigstore bundle with an in-toto statement in a DSSE envelope, as cosign 3 makes it with a key. */
function bundleOf(digest: string, key: string): Buffer {
  const payloadType = 'application/vnd.in-toto+json';
  const payload = JSON.stringify(signedStatement(digest));
  const signed = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload}`;
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: 'fleet' }, tlogEntries: [] },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType,
      signatures: [{ sig: cosignSignature(key, signed) }],
    },
  };
  return Buffer.from(JSON.stringify(bundle));
}

function attachedBundle(layer: Buffer) {
  return {
    type: bundleType,
    configType: 'application/vnd.oci.empty.v1+json',
    layerType: bundleType,
    layer,
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': predicateType,
    },
  };
}
