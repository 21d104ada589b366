import { existsSync, readdirSync, readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AgentError } from '../../../../src/core/errors.ts';
import { parseImageReference } from '../../../../src/core/image-reference.ts';
import { systemClock, type Clock } from '../../../../src/host/clock.ts';
import { createRegistryPublisher } from '../../../../src/published/registry/registry-publisher.ts';
import type { Trust } from '../../../../src/published/trust/trust.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import {
  answer,
  digestOf,
  lyingRegistry,
  pathOf,
  referrers,
  repository,
  signatureType,
  truth,
  type Answer,
  type Answers,
  type LyingRegistry,
} from '../../../support/lying-registry.ts';

const honest = truth();
let registry: LyingRegistry;
let work: ReturnType<typeof temporaryDirectory>;
beforeAll(async () => {
  registry = await lyingRegistry();
  work = temporaryDirectory();
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

/** Waits for nothing. */
const impatient: Clock = { ...systemClock, sleep: () => Promise.resolve() };

function trust(): Trust {
  const key = {
    name: 'fleet.pub',
    path: '/keys/fleet.pub',
    kind: 'file' as const,
    bytes: Buffer.from(honest.publicKey),
  };
  const rules = [{ place: `oci://${registry.host}`, names: ['*'], keys: ['fleet.pub'] }];
  return { rules, keys: new Map([['fleet.pub', key]]), clock: systemClock };
}

/** What comes of pulling: the bytes that were accepted, or the error. */
async function pulled(answers: Answers, suffix = ''): Promise<Buffer | AgentError> {
  registry.say(answers);
  const parsed = parseImageReference(`oci://${registry.host}/${repository}${suffix}`);
  if (!('value' in parsed) || parsed.value.kind !== 'oci') throw new Error('no reference');
  const publisher = createRegistryPublisher({
    reference: parsed.value,
    name: 'jq',
    architecture: 'x86-64',
    trust: trust(),
    access: {
      registries: new Map([[registry.host, { mirrors: [], plainHttp: true }]]),
      credentials: () => ({ kind: 'password', user: 'me', password: 'secret' }),
      env: {},
      clock: impatient,
      idleTimeout: 500,
    },
  });
  try {
    const [version] = await publisher.versions();
    if (version === undefined) throw new AgentError('unsatisfiable', 'no version');
    const description = await publisher.describe(version);
    if (description.kind === 'passed-over') throw new AgentError('incompatible', description.reason);
    const { offer } = description;
    const { sha256 } = await publisher.vouch(offer);
    const path = work.at(`${Math.random()}/image`);
    await publisher.fetch(offer, { path, sha256, ...(offer.blob.size === undefined ? {} : { size: offer.blob.size }) });
    return readFileSync(path);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

/** The honest answers, with one changed. */
function lying(
  path: string,
  change: (honest: Answer) => Partial<Answer> | undefined,
  answers = new Map(honest.answers),
): Answers {
  const before = answers.get(path);
  if (before === undefined) throw new Error(`nothing is at ${path}`);
  const changed = change(before);
  if (changed === undefined) answers.delete(path);
  else answers.set(path, { ...before, ...changed });
  return answers;
}

const signature = pathOf.manifest(`${honest.manifest.replace(':', '-')}.sig`);
const image = pathOf.blob(digestOf(honest.image));
const places: Readonly<Record<string, string>> = {
  tags: pathOf.tags,
  tag: pathOf.manifest('1.7'),
  index: pathOf.manifest(honest.index),
  manifest: pathOf.manifest(honest.manifest),
  signature,
  image,
};

/** The paths of all fields of a document: `manifests.0.digest`. */
function fieldsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [
    ...(path.length === 0 ? [] : [[...path]]),
    ...Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, [...path, key])),
  ];
}

function withField(bytes: Buffer, path: readonly string[], value: unknown): Buffer {
  const document = JSON.parse(bytes.toString()) as Record<string, unknown>;
  const parent = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, document);
  parent[path.at(-1) ?? ''] = value;
  return Buffer.from(JSON.stringify(document));
}

const otherDigest = `sha256:${'0'.repeat(64)}`;
const wrongValues: readonly unknown[] = [
  null,
  undefined,
  -1,
  1e300,
  '',
  'x'.repeat(100_000),
  '../../../etc/passwd',
  `a\r\nb`,
  [],
  {},
  otherDigest,
];

const documents: readonly string[] = ['tags', 'tag', 'manifest', 'signature'];
/** A wrong value in every field of every document, one at a time. */
const wrongFields = documents.flatMap((place) => {
  const { body } = honest.answers.get(places[place] ?? '') ?? answer('');
  return fieldsOf(JSON.parse(body.toString())).flatMap((path, at) =>
    [wrongValues[at % wrongValues.length], wrongValues[(at * 7 + 3) % wrongValues.length]].map(
      (value) => [place, path.join('.'), path, value] as const,
    ),
  );
});

const wrongAnswers: Readonly<Record<string, (honest: Answer) => Partial<Answer> | undefined>> = {
  'is missing': () => undefined,
  'is empty': () => ({ body: Buffer.alloc(0) }),
  'is another one': () => ({ body: Buffer.from('{"schemaVersion":2,"tags":["9.9"],"layers":[],"manifests":[]}') }),
  'is no JSON': ({ body }) => ({ body: Buffer.concat([Buffer.from('<'), body.subarray(1)]) }),
  'is nested without end': () => ({ body: Buffer.from('['.repeat(1_000_000)) }),
  'is half of it': ({ body }) => ({ body: body.subarray(0, body.length / 2) }),
  'is more than it': ({ body }) => ({ body: Buffer.concat([body, Buffer.from(' ')]) }),
  'has one bit wrong': ({ body }) => ({ body: Buffer.from(body.map((byte, at) => (at === 40 ? byte ^ 1 : byte))) }),
  'never ends': () => ({ body: Buffer.alloc(65_536, ' '), endless: true }),
  'is cut off': ({ body }) => ({ body: body.subarray(0, 20), headers: { 'content-length': 100_000 }, cut: true }),
  'says a wrong length': ({ body }) => ({ body, headers: { 'content-length': body.length + 5 }, cut: true }),
  'says another digest': ({ headers }) => ({ headers: { ...headers, 'docker-content-digest': otherDigest } }),
  'says that it is packed': ({ headers }) => ({ headers: { ...headers, 'content-encoding': 'gzip' } }),
  'is nothing new': () => ({ status: 304 }),
  'is a part': ({ headers }) => ({ status: 206, headers: { ...headers, 'content-range': 'bytes 5-9/10' } }),
  'is a failure': () => ({ status: 500, headers: { 'retry-after': '99999999' } }),
  'has an odd status': () => ({ status: 299 }),
  'leads to itself': () => ({ status: 302, headers: { location: '' } }),
  'leads to a file': () => ({ status: 302, headers: { location: 'file:///etc/passwd' } }),
  'leads nowhere': () => ({ status: 302, headers: { location: 'http://[' } }),
  'wants a password in a way that is unknown': () => ({ status: 401, headers: { 'www-authenticate': 'Negotiate' } }),
  'wants it again and again': () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }),
  'wants a token of no server': () => ({ status: 401, headers: { 'www-authenticate': 'Bearer realm="file:///x"' } }),
  'wants a token of itself': () => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="\\"a,b"` },
  }),
  'wants what cannot be read': () => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer ${'a="b,'.repeat(1000)}` },
  }),
};

test('the honest registry gives the image', async () => {
  expect(await pulled(honest.answers)).toEqual(honest.image);
  expect(await pulled(honest.answers, `@${honest.index}`)).toEqual(honest.image);
});

describe('a registry that lies', () => {
  /** The image that was signed is the only one that is ever accepted, and whatever else comes is an error of ours. */
  const expectRefused = (outcome: Buffer | AgentError) => {
    if (outcome instanceof AgentError) expect(outcome.message).not.toContain('secret');
    else expect(outcome.equals(honest.image)).toBe(true);
  };

  test('in a field of a document has nothing accepted', async () => {
    expect(wrongFields.length).toBeGreaterThan(100);
    let refused = 0;
    for (const [place, , path, value] of wrongFields) {
      const outcome = await pulled(lying(places[place] ?? '', ({ body }) => ({ body: withField(body, path, value) })));
      expectRefused(outcome);
      if (outcome instanceof AgentError) refused++;
    }
    // Not all lies matter: a name in the list of tags is not looked at.
    expect(refused / wrongFields.length).toBeGreaterThan(0.9);
  });

  test('in what has a digest is found out, whatever it changes', async () => {
    for (const [place, , path, value] of wrongFields.filter(([place]) => place === 'manifest')) {
      const answers = lying(places[place] ?? '', ({ body }) => ({ body: withField(body, path, value) }));
      expect(await pulled(answers, `@${honest.index}`)).toMatchObject({ code: 'verification-failed' });
    }
  });

  test.each(Object.keys(places))('in how it answers for the %s has nothing accepted', async (place) => {
    for (const [name, change] of Object.entries(wrongAnswers)) {
      const outcome = await pulled(lying(places[place] ?? '', change));
      expectRefused(outcome);
      const isHarmless = [
        'says another digest',
        'says that it is packed',
        'is more than it',
        'is a part',
        'has one bit wrong',
        'has an odd status',
      ];
      if (!isHarmless.includes(name) && place !== 'index')
        expect([name, outcome]).toEqual([name, expect.any(AgentError)]);
    }
  });

  test('leaves no file of what it sent, and no memory', async () => {
    const before = process.memoryUsage().rss;
    for (const place of Object.keys(places)) {
      await pulled(lying(places[place] ?? '', () => ({ body: Buffer.alloc(65_536, ' '), endless: true })));
    }
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
    const left = readdirSync(work.path).flatMap((name) =>
      existsSync(work.at(name)) ? readdirSync(work.at(name)) : [],
    );
    expect(left.filter((name) => name !== 'image' && !name.endsWith('.part'))).toEqual([]);
  });

  test.each([
    ['to the next page, which is the same', `<${pathOf.tags}>; rel="next"`],
    ['to the next page elsewhere', '<http://127.0.0.1:1/v2/x/tags/list>; rel="next"'],
    ['to the next page at no address', '<http://[>; rel="next"'],
    ['to the next page without end', '<<<<>>>>; rel=next,'.repeat(100)],
  ])('about where the list goes on: %s', async (_, link) => {
    expect(await pulled(lying(pathOf.tags, () => ({ headers: { link } })))).toEqual(honest.image);
  });

  test('about tokens gets no further than that', async () => {
    const answers = [
      '{}',
      '[]',
      '',
      '{"token":""}',
      '{"token":1}',
      '{"token":"a\\nb"}',
      '{"token":"x","expires_in":-5}',
      `{"token":"${'x'.repeat(70_000)}"}`,
    ];
    for (const token of answers) {
      const told = lying(pathOf.tags, () => ({
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` },
      }));
      told.set(`/token?scope=${encodeURIComponent(`repository:${repository}:pull`)}`, answer(token));
      expect(await pulled(told)).toMatchObject({ code: 'network' });
    }
  });
});

describe('a registry that lies about what refers to the manifest', () => {
  const path = pathOf.referrers(honest.manifest);
  const told = (change: (before: Answer) => Partial<Answer> | undefined) =>
    lying(path, change, new Map(honest.referred));
  const listed = JSON.parse(honest.referred.get(path)?.body.toString() ?? '') as { manifests: object[] };
  const [signature = {}] = listed.manifests;
  const foreign = { ...signature, digest: honest.foreignSignature };
  const missing = (number: number) => ({ ...signature, digest: digestOf(Buffer.from(String(number))) });
  const many = (of: (number: number) => object, count: number) => Array.from({ length: count }, (_, at) => of(at));

  test('is asked: the honest one gives the image, and one that says nothing does not', async () => {
    expect(await pulled(honest.referred)).toEqual(honest.image);
    expect(await pulled(told(() => undefined))).toMatchObject({ code: 'verification-failed' });
  });

  test('in a field of the list has nothing else accepted', async () => {
    const fields = fieldsOf(listed).flatMap((field, at) =>
      [at, at + 4, at + 8].map((which) => [field, wrongValues[which % wrongValues.length]] as const),
    );
    expect(fields.length).toBeGreaterThan(20);
    for (const [field, value] of fields) {
      const outcome = await pulled(told(({ body }) => ({ body: withField(body, field, value) })));
      if (outcome instanceof AgentError) expect(outcome.code).toMatch(/^(verification-failed|network)$/);
      else expect(outcome).toEqual(honest.image);
    }
  });

  test.each(Object.entries(wrongAnswers))('in how it answers has nothing else accepted: it %s', async (_, change) => {
    const outcome = await pulled(told(change));
    if (outcome instanceof AgentError) expect(outcome.message).not.toContain('secret');
    else expect(outcome).toEqual(honest.image);
  });

  test.each<[string, readonly object[]]>([
    ['another image has', [foreign]],
    ['are not there', many(missing, 1000)],
    ['are of another digest', [{ ...signature, digest: otherDigest }]],
    ['are of another algorithm', [{ ...signature, digest: `sha512:${'0'.repeat(128)}` }]],
    ['are the manifest itself', [{ ...signature, digest: honest.manifest }]],
    ['are an index', [{ ...signature, digest: honest.index }]],
    ['are the image', [{ ...signature, digest: digestOf(honest.image) }]],
    ['are of another kind', [{ ...signature, artifactType: 'application/spdx+json' }]],
    ['come after more than are looked at', [...many(() => foreign, 100), signature]],
    ['are more than any list has', many(() => signature, 1001)],
    ['have annotations without end', [{ ...signature, annotations: { a: 'x'.repeat(100_000) } }]],
    [
      'have too many annotations',
      [{ ...signature, annotations: Object.fromEntries(many((at) => [at, ''], 2000) as []) }],
    ],
    ['lead out of the repository', [{ ...signature, digest: '../../other/manifests/sha256:0' }]],
  ])('by signatures that %s has nothing accepted', async (_, manifests) => {
    expect(await pulled(told(() => referrers(manifests)))).toMatchObject({ code: 'verification-failed' });
  });

  test.each([
    ['says that it has more bytes than there are', { ...signature, size: 2 ** 52 }],
    ['says that it is nothing', { ...signature, size: 0 }],
    ['says no type', { ...signature, artifactType: '' }],
    ['says another subject', { ...signature, subject: { ...signature, digest: otherDigest } }],
    ['repeats what is signed elsewhere', { ...signature, artifactType: signatureType, annotations: { signed: 'yes' } }],
  ])('about a good signature that %s changes nothing', async (_, descriptor) => {
    expect(await pulled(told(() => referrers([descriptor])))).toEqual(honest.image);
  });

  test('by leading elsewhere gets no password, and what is there counts only if it is signed', async () => {
    const asked: (string | undefined)[] = [];
    await using other = await lyingRegistry((authorization) => asked.push(authorization));
    other.say(new Map([[path, referrers([foreign])]]));
    const location = `http://${other.host.replace('127.0.0.1', 'localhost')}${path}`;
    const answers = told(() => ({ status: 307, headers: { location } }));
    expect(await pulled(answers)).toMatchObject({ code: 'verification-failed' });
    expect(asked).toEqual([undefined]);

    other.say(new Map([[path, referrers([signature])]]));
    expect(await pulled(answers)).toEqual(honest.image);
  });
});
