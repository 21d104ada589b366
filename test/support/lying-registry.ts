import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type OutgoingHttpHeaders } from 'node:http';

import { close, listen } from '../integration/support/server.ts';

/** One answer of a registry. */
export interface Answer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
  /** Sent over and over, without end, until nobody reads on. */
  endless?: boolean;
  /** The connection is cut after the body. */
  cut?: boolean;
}

/** Everything that a registry answers, by the path that is asked for. */
export type Answers = Map<string, Answer>;

export interface Truth {
  readonly answers: Answers;
  /** The image that is published. */
  readonly image: Buffer;
  /** Digests of its manifest and of the index. */
  readonly manifest: string;
  readonly index: string;
  /** What signed the manifest, in PEM. */
  readonly publicKey: string;
  /** The same with the signature told by the referrers API instead of by its tag. */
  readonly referred: Answers;
  /** The digest of a good signature by the same key, of another manifest. */
  readonly foreignSignature: string;
}

export const repository = 'tools/jq';
export const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
export const pathOf = {
  tags: `/v2/${repository}/tags/list?n=1000`,
  manifest: (reference: string) => `/v2/${repository}/manifests/${reference}`,
  blob: (digest: string) => `/v2/${repository}/blobs/${digest}`,
  referrers: (digest: string) => `/v2/${repository}/referrers/${digest}`,
};

const ours = 'io.github.sysextagent.sysext';
export const signatureType = 'application/vnd.dev.cosign.artifact.sig.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

export function answer(body: string | Uint8Array, headers: OutgoingHttpHeaders = {}, status = 200): Answer {
  return { status, headers, body: Buffer.from(body) };
}

/** What an honest registry answers: one signed image behind an index, under the tag 1.7. */
export function truth(): Truth {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const answers: Answers = new Map();
  const blob = (bytes: Buffer, mediaType: string) => {
    const digest = digestOf(bytes);
    answers.set(pathOf.blob(digest), answer(bytes));
    return { mediaType, digest, size: bytes.length };
  };
  const document = (value: object, mediaType: string, tag?: string) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    const sent = () => answer(bytes, { 'content-type': mediaType, 'docker-content-digest': digest });
    answers.set(pathOf.manifest(digest), sent());
    if (tag !== undefined) answers.set(pathOf.manifest(tag), sent());
    return { mediaType, digest, size: bytes.length };
  };
  const image = Buffer.alloc(50_000, 'an image');
  const annotations = {
    'org.opencontainers.image.version': '1.7',
    [`${ours}.name`]: 'jq',
    [`${ours}.id`]: 'debian',
    [`${ours}.version-id`]: '13',
    [`${ours}.architecture`]: 'x86-64',
  };
  const platform = { os: 'linux', architecture: 'amd64' };
  const config = blob(Buffer.from(JSON.stringify(platform)), 'application/vnd.oci.image.config.v1+json');
  const layer = blob(image, 'application/vnd.systemd.sysext.image.v1+raw');
  const common = { schemaVersion: 2, artifactType: 'application/vnd.systemd.sysext.v1', annotations };
  const manifest = document({ ...common, mediaType: manifestType, config, layers: [layer] }, manifestType);
  const member = { ...manifest, platform, annotations };
  const index = document({ ...common, mediaType: indexType, manifests: [member] }, indexType, '1.7');
  const signatureOf = (subject: typeof manifest) => {
    const payload = JSON.stringify({
      critical: {
        identity: { 'docker-reference': '' },
        image: { 'docker-manifest-digest': subject.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    });
    const signature = sign('sha256', Buffer.from(payload), privateKey).toString('base64');
    const signed = {
      ...blob(Buffer.from(payload), 'application/vnd.dev.cosign.simplesigning.v1+json'),
      annotations: { 'dev.cosignproject.cosign/signature': signature },
    };
    return {
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: signatureType,
      config,
      layers: [signed],
      subject,
    };
  };
  const tag = `${manifest.digest.replace(':', '-')}.sig`;
  const signature = document(signatureOf(manifest), manifestType, tag);
  const foreign = document(signatureOf({ ...manifest, digest: digestOf(Buffer.from('another')) }), manifestType);
  answers.set(pathOf.tags, answer(JSON.stringify({ name: repository, tags: ['latest', '1.7'] })));
  const referred = new Map(answers);
  referred.delete(pathOf.manifest(tag));
  referred.set(pathOf.referrers(manifest.digest), referrers([{ ...signature, artifactType: signatureType }]));
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const digests = { manifest: manifest.digest, index: index.digest, foreignSignature: foreign.digest };
  return { answers, image, publicKey: String(pem), referred, ...digests };
}

/** What the referrers API answers. */
export function referrers(manifests: readonly object[]): Answer {
  const body = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
  return answer(body, { 'content-type': indexType });
}

/** A registry that answers whatever it is told to. */
export interface LyingRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** What it answers from now on. */
  say(answers: Answers): void;
}

/** @param seen is told the header of authorization of each request. */
export async function lyingRegistry(
  seen: (authorization: string | undefined) => void = () => undefined,
): Promise<LyingRegistry> {
  let answers: Answers = new Map();
  const server = createServer((request, response) => {
    seen(request.headers.authorization);
    const { status, headers, body, endless, cut } = answers.get(request.url ?? '') ?? answer('{}', {}, 404);
    response.on('error', () => undefined);
    // Lies about status and headers are sent as they are, as far as Node sends them.
    response.writeHead(status, { ...headers, connection: 'close' });
    if (endless === true) {
      const more = () => {
        while (!response.destroyed && response.write(body));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    } else if (cut === true) {
      response.write(body, () => response.destroy());
    } else {
      response.end(body);
    }
  });
  const address = await listen(server);
  return {
    host: new URL(address).host,
    say: (told) => {
      answers = told;
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}
