import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

import { expect, test } from 'vitest';

import { systemdVersion } from '../../../src/core/systemd-version.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { choose } from '../../../src/published/choice.ts';
import { annotationsOf, annotationsOfAll } from '../../../src/published/registry/annotations.ts';
import { indexType, manifestType } from '../../../src/published/registry/manifest.ts';
import { sysextLayerType, sysextType } from '../../../src/published/registry/media-types.ts';
import { createRegistryPublisher } from '../../../src/published/registry/registry-publisher.ts';
import { close, listen } from '../../integration/support/server.ts';
import { requestsOfLook } from '../../sim/look.ts';

const repository = 'extensions/wasmtime';
const version = '37.0.2';
const release = { ID: 'debian', VERSION_ID: '13', ARCHITECTURE: 'x86-64' };
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const digestOf = (text: string | Buffer) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

interface Document {
  readonly type: string;
  readonly text: string;
}

const descriptorOf = ({ type, text }: Document, more: object = {}) => ({
  mediaType: type,
  digest: digestOf(text),
  size: Buffer.byteLength(text),
  ...more,
});

const config: Document = { type: 'application/vnd.oci.image.config.v1+json', text: '{"architecture": "amd64"}' };

function manifest(layer: object, more: object = {}): Document {
  const document = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptorOf(config),
    layers: [layer],
    ...more,
  };
  return { type: manifestType, text: JSON.stringify(document) };
}

/** What cosign keeps beside a manifest that it signed. */
function signatureOf(signed: Document): { readonly payload: Document; readonly manifest: Document } {
  const text = JSON.stringify({
    critical: {
      identity: { 'docker-reference': repository },
      image: { 'docker-manifest-digest': digestOf(signed.text) },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const payload = { type: 'application/vnd.dev.cosign.simplesigning.v1+json', text };
  const signature = sign('sha256', Buffer.from(text), keys.privateKey).toString('base64');
  const annotations = { 'dev.cosignproject.cosign/signature': signature };
  return { payload, manifest: manifest(descriptorOf(payload, { annotations })) };
}

/** Everything that a registry has of an image that was published for one architecture and signed, by its path. */
function published(signs: readonly ('index' | 'image')[]): ReadonlyMap<string, Document> {
  const annotations = Object.fromEntries(
    annotationsOf({ name: 'wasmtime', version, release, title: `wasmtime_${version}_x86-64.raw` }),
  );
  const layer = descriptorOf({ type: sysextLayerType, text: 'the image' });
  const image = manifest(layer, { artifactType: sysextType, annotations });
  const platform = { os: 'linux', architecture: 'amd64' };
  const list = {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [descriptorOf(image, { platform, annotations })],
    annotations: Object.fromEntries(annotationsOfAll({ name: 'wasmtime', version })),
  };
  const index = { type: indexType, text: JSON.stringify(list) };
  const signatures = signs.map((what) => ({ of: what === 'index' ? index : image }));
  const signed = signatures.map(({ of }) => ({
    tag: `${digestOf(of.text).replace(':', '-')}.sig`,
    ...signatureOf(of),
  }));
  return new Map([
    [
      'tags/list',
      { type: 'application/json', text: JSON.stringify({ tags: [version, ...signed.map(({ tag }) => tag)] }) },
    ],
    [`manifests/${version}`, index],
    ...[index, image].map((document): [string, Document] => [`manifests/${digestOf(document.text)}`, document]),
    [`blobs/${digestOf(config.text)}`, config],
    ...signed.flatMap(({ tag, payload, manifest: found }): [string, Document][] => [
      [`manifests/${tag}`, found],
      [`blobs/${digestOf(payload.text)}`, payload],
    ]),
  ]);
}

/** A registry without the referrers API, as docker-registry is; the paths that were asked for are kept. */
async function registry(documents: ReadonlyMap<string, Document>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '').replace(`/v2/${repository}/`, '');
    asked.push(path);
    const document = documents.get(path);
    if (document === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': document.type }).end(document.text);
  });
  const { host } = new URL(await listen(server));
  return { host, asked, [Symbol.asyncDispose]: () => close(server) };
}

/** Who answers a path: a cache has to ask for every tag, and keeps what has a digest. */
function kindOf(path: string): 'byTag' | 'byDigest' | 'referrers' {
  if (path.startsWith('referrers/')) return 'referrers';
  return path.includes('sha256:') ? 'byDigest' : 'byTag';
}

function counted(asked: readonly string[]) {
  const count = (kind: ReturnType<typeof kindOf>) => asked.filter((path) => kindOf(path) === kind).length;
  return { byTag: count('byTag'), byDigest: count('byDigest'), referrers: count('referrers') };
}

/** Looks for the newest image and for who vouches for it, as every look does. */
async function look(origin: string, mirrors: readonly string[]): Promise<void> {
  const architecture = 'x86-64' as const;
  const key = Buffer.from(keys.publicKey.export({ type: 'spki', format: 'pem' }));
  const trust = {
    rules: [{ place: `oci://${origin}/extensions`, names: ['*'], keys: ['fleet.pub'] }],
    keys: new Map([['fleet.pub', { kind: 'file', name: 'fleet.pub', path: '/fleet.pub', bytes: key } as const]]),
    clock: systemClock,
  };
  const registries = new Map([
    [origin, { mirrors, plainHttp: true }],
    ...mirrors.map((mirror) => [mirror, { mirrors: [], plainHttp: true }] as const),
  ]);
  const publisher = createRegistryPublisher({
    reference: { kind: 'oci', text: `oci://${origin}/${repository}`, registry: origin, repository },
    name: 'wasmtime',
    architecture,
    trust,
    access: { registries, credentials: () => undefined, env: {}, clock: systemClock },
  });
  const host = { fields: release, scope: 'system', architecture, systemd: systemdVersion(257, 13) } as const;
  const { offer } = await choose(publisher, { name: 'wasmtime', host });
  expect(await publisher.vouch(offer)).toMatchObject({ by: 'cosign key fleet.pub', signed: true });
}

test.each(['index', 'all'] as const)(
  'a look makes the requests that the simulation counts: %s signed',
  async (signed) => {
    const documents = published(signed === 'all' ? ['index', 'image'] : ['index']);
    await using origin = await registry(documents);
    await using mirror = await registry(documents);
    const requests = requestsOfLook[signed];

    await look(origin.host, []);
    expect(counted(origin.asked)).toEqual(requests.asked);
    origin.asked.length = 0;
    await look(origin.host, [mirror.host]);

    expect(counted(mirror.asked)).toEqual(requests.asked);
    expect(origin.asked.length).toBe(requests.besideMirror);
  },
);
