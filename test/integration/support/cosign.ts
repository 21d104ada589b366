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

/**
 * Signs a manifest as cosign does, and puts the signature under its tag.
 * @param registry that is spoken to without encryption.
 */
export async function signManifest(registry: string, repository: string, digest: string, key: string): Promise<void> {
  const registries = new Map([[registry, { mirrors: [], plainHttp: true }]]);
  const access = { registries, credentials: () => undefined, env: {}, clock: systemClock };
  const upload = openUpload(access, registry, repository);
  const payload = JSON.stringify({
    critical: {
      identity: { 'docker-reference': `${registry}/${repository}` },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const layer = Buffer.from(payload);
  const config = Buffer.from('{}');
  for (const blob of [layer, config]) await upload.blob({ sha256: sha256(blob), size: blob.length, content: blob });
  const descriptorOf = (mediaType: string, blob: Buffer) => ({
    mediaType,
    digest: `sha256:${sha256(blob)}`,
    size: blob.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptorOf('application/vnd.oci.image.config.v1+json', config),
    layers: [
      {
        ...descriptorOf('application/vnd.dev.cosign.simplesigning.v1+json', layer),
        annotations: { 'dev.cosignproject.cosign/signature': cosignSignature(key, payload) },
      },
    ],
  };
  await upload.manifest(JSON.stringify(manifest), manifestType, `${digest.replace(':', '-')}.sig`);
}
