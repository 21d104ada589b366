import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import { systemClock } from '../../../src/host/clock.ts';
import { annotationsOfAll } from '../../../src/published/registry/annotations.ts';
import { manifestType } from '../../../src/published/registry/manifest.ts';
import { openUpload } from '../../../src/published/registry/upload.ts';
import { tarBytes, type TarMember } from '../../support/archives.ts';

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const type = 'application/vnd.oci.image.layer.v1.tar';

/**
 * Publishes a container image of these layers, packed and not in turn, with the tag `1.0` in an open registry. It says of
 * itself that it is that version of the last part of its name.
 * @returns the digest of its manifest.
 */
export async function publishLayers(
  registry: string,
  name: string,
  layers: readonly (readonly TarMember[])[],
): Promise<string> {
  const access = {
    registries: new Map([[registry, { mirrors: [], plainHttp: true }]]),
    credentials: () => undefined,
    env: {},
    clock: systemClock,
  };
  const upload = openUpload(access, registry, name);
  const send = async (content: Buffer, mediaType: string) => {
    await upload.blob({ sha256: sha256(content), size: content.length, content });
    return { mediaType, digest: `sha256:${sha256(content)}`, size: content.length };
  };
  const config = await send(Buffer.from('{"architecture":"amd64"}'), 'application/vnd.oci.image.config.v1+json');
  const sent = [];
  for (const [at, members] of layers.entries()) {
    const bytes = tarBytes(members);
    sent.push(at % 2 === 0 ? await send(zstdCompressSync(bytes), `${type}+zstd`) : await send(bytes, type));
  }
  const annotations = Object.fromEntries(annotationsOfAll({ name: basename(name), version: '1.0' }));
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: sent, annotations });
  await upload.manifest(manifest, manifestType, '1.0');
  return `sha256:${sha256(manifest)}`;
}
