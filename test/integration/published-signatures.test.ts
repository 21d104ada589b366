import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isAgentError } from '../../src/core/errors.ts';
import { parseImageReference } from '../../src/core/image-reference.ts';
import { systemClock } from '../../src/host/clock.ts';
import { sha256 } from '../../src/host/digest.ts';
import { silent } from '../../src/host/progress.ts';
import type { RegistryAccess } from '../../src/published/registry/endpoint.ts';
import { indexType, manifestType } from '../../src/published/registry/manifest.ts';
import { documentsOf, publish } from '../../src/published/registry/publish.ts';
import { createRegistryPublisher } from '../../src/published/registry/registry-publisher.ts';
import { openUpload } from '../../src/published/registry/upload.ts';
import type { TrustRule } from '../../src/core/trust-rules.ts';
import { judgeKeyless } from '../../src/published/trust/keyless.ts';
import { readKeyRing } from '../../src/published/trust/key-ring.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { sigstoreAuthorities } from '../support/sigstore.ts';
import { makeCosignKey, signedStatement, signManifest, type Attachment, type Signing } from './support/cosign.ts';
import { withReferrers, type ReferrersRegistry } from './support/referrers.ts';
import { startRegistry, type RunningRegistry } from './support/registry.ts';

// Signatures that openssl makes, put into registries as cosign puts them: into docker-registry, which has no referrers API,
// and into the same with one.

let registry: RunningRegistry;
let front: ReferrersRegistry;
let work: ReturnType<typeof temporaryDirectory>;

beforeAll(async () => {
  work = temporaryDirectory();
  mkdirSync(work.at('keys'));
  registry = await startRegistry({ guarded: false });
  front = await withReferrers(registry.host);
  makeCosignKey(work.at('ours.key'), work.at('keys/ours.pub'));
  makeCosignKey(work.at('other.key'), work.at('keys/other.pub'));
});

afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

function access(): RegistryAccess {
  const reached = { mirrors: [], plainHttp: true };
  const registries = new Map([
    [registry.host, reached],
    [front.host, reached],
  ]);
  return { registries, credentials: () => undefined, env: {}, clock: systemClock };
}

let repositories = 0;

interface Published {
  readonly repository: string;
  /** The digests of the index and of the manifest in it. */
  readonly index: string;
  readonly manifest: string;
  readonly text: string;
}

/** Pushes an image whose bytes are its name and version. */
async function pushed({
  name = 'jq',
  version = '1.7',
  content = `${name} ${version}`,
  repository = `signed-${++repositories}/jq`,
}: {
  readonly name?: string;
  readonly version?: string;
  readonly content?: string;
  readonly repository?: string;
} = {}): Promise<Published> {
  const path = work.at('image.raw');
  writeFileSync(path, content);
  const bytes = Buffer.from(content);
  const release = { ID: '_any' };
  const image = { name, version, release, title: `${name}_${version}.raw`, path, sha256: sha256(bytes) };
  const documents = documentsOf({ images: [{ ...image, size: bytes.length }], annotations: new Map() });
  await publish(openUpload(access(), registry.host, repository), documents, { tags: ['1.7'], progress: silent });
  const [first] = documents.images;
  return {
    repository,
    index: documents.index.digest,
    manifest: first!.manifest.digest,
    text: first!.manifest.text,
  };
}

/** Attaches a signature of a digest, also where only the referrers API finds it. */
async function sign(
  { repository }: Pick<Published, 'repository'>,
  digest: string,
  key: 'ours' | 'other',
  signing: Signing = {},
): Promise<object> {
  const descriptor = await signManifest(registry.host, repository, digest, work.at(`${key}.key`), signing);
  if (signing.as !== undefined && signing.as !== 'tag') front.refer(signing.beside ?? digest, descriptor);
  return descriptor;
}

/** What comes of pulling jq 1.7: the image and who vouches, or the refusal with its facts. */
async function pulled(
  { repository }: Pick<Published, 'repository'>,
  host = front.host,
  signers: Partial<TrustRule> = { keys: ['ours.pub'] },
): Promise<string> {
  const parsed = parseImageReference(`oci://${host}/${repository}:1.7`);
  if (!('value' in parsed) || parsed.value.kind !== 'oci') throw new Error('no reference');
  const rules = [{ place: `oci://${host}`, names: ['*'], keys: [], ...signers }];
  const keys = readKeyRing(['/keys'], work.path);
  const trust = { rules, keys, clock: systemClock, keyless: judgeKeyless };
  const asked = { reference: parsed.value, name: 'jq', architecture: 'x86-64', trust, access: access() } as const;
  const publisher = createRegistryPublisher(asked);
  try {
    const [version] = await publisher.versions();
    const described = await publisher.describe(version!);
    if (described.kind === 'passed-over') return described.reason;
    const { by, sha256: digest } = await publisher.vouch(described.offer);
    await publisher.fetch(described.offer, { path: work.at('pulled'), sha256: digest });
    return `${readFileSync(work.at('pulled'), 'utf8')} by ${by}`;
  } catch (error) {
    if (!isAgentError(error, 'verification-failed')) throw error;
    return [error.message, ...(error.details.facts ?? [])].join('; ');
  }
}

const good = 'jq 1.7 by cosign key ours.pub';

describe.each(['tag', 'referrer', 'bundle'] as const)('a signature that is attached by %s', (as: Attachment) => {
  test.each(['index', 'manifest'] as const)('counts with the right key, as one of the %s', async (which) => {
    const published = await pushed();
    expect(await pulled(published)).toContain('there is no signature');
    await sign(published, published[which], 'other', { as });
    expect(await pulled(published)).toContain('it was made by none of these keys');
    await sign(published, published[which], 'ours', { as });
    expect(await pulled(published)).toBe(good);
  });

  test('does not where it is about another digest', async () => {
    const published = await pushed();
    const older = await pushed({ version: '1.6' });
    await sign(published, older.manifest, 'ours', { as, beside: published.manifest });
    expect(await pulled(published)).toContain('it was made by ours.pub, but is about something else');
  });

  test('does not under another name', async () => {
    const tools = await pushed({ name: 'tools' });
    await sign(tools, tools.manifest, 'ours', { as });
    expect(await pulled(tools)).toContain('is not jq 1.7; it says of itself: "tools" "1.7"');
  });

  test('does not where the annotations were stripped, before it was signed or after', async () => {
    const published = await pushed();
    await sign(published, published.manifest, 'ours', { as });
    const document = JSON.parse(published.text) as Record<string, unknown>;
    const layers = (document['layers'] as Record<string, unknown>[]).map((layer) => ({ ...layer, annotations: {} }));
    const stripped = JSON.stringify({ ...document, annotations: {}, layers });
    const digest = await openUpload(access(), registry.host, published.repository).manifest(
      stripped,
      manifestType,
      '1.7',
    );
    await sign(published, published.manifest, 'ours', { as, beside: digest });
    expect(await pulled(published)).toContain('about something else');
    await sign(published, digest, 'ours', { as });
    expect(await pulled(published)).toContain('it does not say its name and version');
  });

  test('does not for what its tag was moved to', async () => {
    const published = await pushed();
    await sign(published, published.index, 'ours', { as });
    const { repository } = published;
    await pushed({ repository, content: 'something else' });
    expect(await pulled({ repository })).toContain('has no good signature by a key that is trusted there');
    await pushed({ repository });
    expect(await pulled({ repository })).toBe(good);
  });
});

test.each(['referrer', 'bundle'] as const)(
  'of a registry without the referrers API a %s is found by the tag that stands for it',
  async (as) => {
    const published = await pushed();
    const descriptor = await sign(published, published.manifest, 'ours', { as });
    expect(await pulled(published, registry.host)).toContain('there is no signature');
    const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [descriptor] });
    const tag = published.manifest.replace(':', '-');
    await openUpload(access(), registry.host, published.repository).manifest(index, indexType, tag);
    expect(await pulled(published, registry.host)).toBe(good);
  },
);

test('a bundle without a key counts by who had its certificate, about what it says and for the name that was asked for', async () => {
  const authorities = await sigstoreAuthorities();
  writeFileSync(work.at('keys/example.json'), authorities.root);
  const holder = { subject: 'https://git.example/jq/release.yml@refs/tags/v1.7', issuer: 'https://id.example' };
  const identity = { ...holder, subject: 'https://git.example/jq/release.yml@refs/tags/*', root: 'example.json' };
  const signed = async ({ repository }: Published, digest: string, beside = digest) => {
    const bundle = await authorities.signStatement(signedStatement(digest), holder);
    const bytes = Buffer.from(JSON.stringify(bundle));
    front.refer(beside, await signManifest(registry.host, repository, digest, bytes, { beside }));
  };
  const by = (published: Published, more: Partial<typeof identity> = {}) =>
    pulled(published, front.host, { identities: [{ ...identity, ...more }] });

  const published = await pushed();
  expect(await by(published)).toContain('has no good signature by anybody who is trusted there; there is no signature');
  const older = await pushed({ version: '1.6' });
  await signed(published, older.manifest, published.manifest);
  expect(await by(published)).toContain('about something else');
  await signed(published, published.index);
  expect(await by(published)).toBe(`jq 1.7 by ${holder.subject}, known to ${holder.issuer}`);
  expect(await by(published, { issuer: 'https://other.example' })).toContain(`it was made by "${holder.subject}"`);
  expect(await by(published, { root: 'lost.json' })).toContain('lost.json: there is no such file');
  expect(await pulled(published)).toContain('it was made by none of these keys');

  const tools = await pushed({ name: 'tools' });
  await signed(tools, tools.manifest);
  expect(await by(tools)).toContain('is not jq 1.7; it says of itself: "tools" "1.7"');
});
