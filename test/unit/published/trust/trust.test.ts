import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { TrustRule } from '../../../../src/core/trust-rules.ts';
import type { Claim, ManifestSignature } from '../../../../src/published/trust/claim.ts';
import { refuseDowngrade } from '../../../../src/published/trust/downgrade.ts';
import type { KeyRing } from '../../../../src/published/trust/key-ring.ts';
import { verifyList, vouchForListed, vouchForManifest, type Trust } from '../../../../src/published/trust/trust.ts';

const place = 'oci://r.example/ext/jq';
const claim: Claim = { place, name: 'jq', version: '1.7', architecture: 'x86-64', pinned: false };
const sha256 = 'ab'.repeat(32);

const manifest = {
  bytes: Buffer.from('{"layers": []}'),
  statement: { name: 'jq', version: '1.7', architecture: 'x86-64' },
  sha256,
} as const;

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ours = p256();
const stranger = p256();

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function simple(key: Pair, bytes: Uint8Array = manifest.bytes, hash: string | null = 'sha256'): ManifestSignature {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': 'r.example/ext/jq' },
        image: { 'docker-manifest-digest': `sha256:${digestOf(bytes)}` },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  return { kind: 'simple-signing', payload, signature: sign(hash, payload, key.privateKey) };
}

function envelope(key: Pair, predicateType: string, digest = digestOf(manifest.bytes)): ManifestSignature {
  const payload = Buffer.from(JSON.stringify({ predicateType, subject: [{ digest: { sha256: digest } }] }));
  const type = 'application/vnd.in-toto+json';
  const signed = Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} ${payload.toString()}`);
  const sig = sign('sha256', signed, key.privateKey).toString('base64');
  return bundle({
    dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig, keyid: '' }] },
  });
}

function bundle(content: object): ManifestSignature {
  const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  return { kind: 'bundle', bytes: Buffer.from(JSON.stringify({ mediaType, ...content })) };
}

const message = (key: Pair, bytes: Uint8Array) =>
  bundle({ messageSignature: { signature: sign('sha256', bytes, key.privateKey).toString('base64') } });

function ringOf(keys: Readonly<Record<string, Pair | string>>): KeyRing {
  return new Map(
    Object.entries(keys).map(([name, key]) => {
      const pem = typeof key === 'string' ? key : key.publicKey.export({ type: 'spki', format: 'pem' });
      return [name, { name, path: `/etc/sysext-agent/keys/${name}`, kind: 'file', bytes: Buffer.from(pem) }];
    }),
  );
}

const rule = (keys: readonly string[] | undefined, more: Partial<TrustRule> = {}): TrustRule => ({
  place: 'oci://r.example/ext',
  names: ['*'],
  keys,
  ...more,
});

const clock = { now: () => new Date('2026-11-28T12:00:00Z'), monotonic: () => 0, sleep: () => Promise.resolve() };

function trust(rules: readonly TrustRule[], keys: KeyRing = ringOf({ 'ours.pub': ours })): Trust {
  return { rules, keys, clock };
}

const byOurs = trust([rule(['ours.pub'])]);

function refusal(of: () => unknown): string {
  try {
    of();
  } catch (error) {
    const {
      code,
      message: text,
      details,
    } = error as Error & {
      code: string;
      details: { facts?: string[]; next?: string };
    };
    return [code, text, ...(details.facts ?? []), details.next].join('\n');
  }
  return 'it was taken';
}

describe('a manifest is taken', () => {
  test('by a signature of a trusted key', () => {
    expect(vouchForManifest(byOurs, claim, manifest, [simple(stranger), simple(ours)])).toEqual({
      by: 'cosign key ours.pub',
      signed: true,
      sha256,
    });
  });

  test('by a signature of the index that led to it', () => {
    const index = Buffer.from('{"manifests": []}');
    const { signed } = vouchForManifest(byOurs, claim, { ...manifest, index }, [simple(ours, index)]);
    expect(signed).toBe(true);
  });

  test.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384'],
    ['P-384 and SHA-256', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha256'],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'],
    ['Ed25519', generateKeyPairSync('ed25519'), null],
  ])('by a key of %s', (_, key: Pair, hash) => {
    const trusted = trust([rule(['k.pub'])], ringOf({ 'k.pub': key }));
    expect(vouchForManifest(trusted, claim, manifest, [simple(key, manifest.bytes, hash)]).signed).toBe(true);
  });

  test('by a bundle of either kind', () => {
    const sealed = envelope(ours, 'https://sigstore.dev/cosign/sign/v1');
    expect(vouchForManifest(byOurs, claim, manifest, [sealed]).signed).toBe(true);
    expect(vouchForManifest(byOurs, claim, manifest, [message(ours, manifest.bytes)]).signed).toBe(true);
  });

  test('by any of several keys, one of which is not there any more', () => {
    const rotating = trust([rule(['old.pub', 'ours.pub'])]);
    expect(vouchForManifest(rotating, claim, manifest, [simple(ours)]).by).toBe('cosign key ours.pub');
  });

  test('by its digest, whatever is said of the place', () => {
    const pinned = { ...claim, pinned: true };
    expect(vouchForManifest(trust([]), pinned, manifest, [])).toMatchObject({ signed: false, sha256 });
  });

  test('unsigned where the settings say so, for that place and name alone', () => {
    const lax = trust([rule(undefined, { names: ['jq'] })]);
    expect(vouchForManifest(lax, claim, { ...manifest, statement: {} }, [])).toMatchObject({ signed: false });
    expect(refusal(() => vouchForManifest(lax, { ...claim, name: 'tools' }, manifest, []))).toContain(
      'nobody is trusted',
    );
    const elsewhere = { ...claim, place: 'oci://other.example/ext/jq' };
    expect(refusal(() => vouchForManifest(lax, elsewhere, manifest, []))).toContain('nobody is trusted');
  });

  test('without an architecture, as one for all of them', () => {
    const forAll = { ...manifest, statement: { name: 'jq', version: '1.7' } };
    expect(vouchForManifest(byOurs, claim, forAll, [simple(ours)]).signed).toBe(true);
  });

  test('under a tag that cannot have all characters of its version', () => {
    const odd = { ...manifest, statement: { name: 'jq', version: '1.7+dfsg~1' } };
    expect(vouchForManifest(byOurs, { ...claim, version: '1.7_dfsg_1' }, odd, [simple(ours)]).signed).toBe(true);
  });
});

describe('a manifest is refused', () => {
  const other = Buffer.from('{"layers": [1]}');
  const good = [simple(ours)];

  test.each([
    ['without a signature', [], 'there is no signature'],
    ['signed by a stranger', [simple(stranger)], 'it was made by none of these keys'],
    ['with the signature of another', [simple(ours, other)], 'it was made by ours.pub, but is about something else'],
    ['with a bundle of a stranger', [message(stranger, manifest.bytes)], 'it was made by none of these keys'],
    ['with a bundle about another', [message(ours, other)], 'is about something else'],
    [
      'with an envelope about another',
      [envelope(ours, 'https://sigstore.dev/cosign/sign/v1', sha256)],
      'something else',
    ],
    ['with only the list of its contents signed', [envelope(ours, 'https://spdx.dev/Document')], 'something else'],
    ['with a bundle that is none', [{ kind: 'bundle', bytes: Buffer.from('[') } as const], 'it is no Sigstore bundle'],
    ['with an empty bundle', [bundle({})], 'there is no signature in it'],
    ['with a payload of another type', [atomic()], 'something else'],
  ])('%s', (_, signatures, why) => {
    const said = refusal(() => vouchForManifest(byOurs, claim, manifest, signatures));
    expect(said).toMatch(/^verification-failed\njq 1\.7 of oci:\/\/r\.example\/ext\/jq has no good signature/);
    expect(said).toContain(why);
    expect(said).toContain('trusted keys: ours.pub');
  });

  function atomic(): ManifestSignature {
    const image = { 'docker-manifest-digest': `sha256:${digestOf(manifest.bytes)}` };
    const payload = Buffer.from(JSON.stringify({ critical: { image, type: 'atomic container signature' } }));
    return { kind: 'simple-signing', payload, signature: sign('sha256', payload, ours.privateKey) };
  }

  test.each([
    ['another name', { name: 'tools', version: '1.7' }],
    ['another version', { name: 'jq', version: '1.6' }],
    ['another architecture', { name: 'jq', version: '1.7', architecture: 'arm64' }],
    ['no name', { version: '1.7' }],
    ['no version', { name: 'jq' }],
    ['nothing at all', {}],
  ] as const)('well signed, but with %s', (_, statement) => {
    const said = refusal(() => vouchForManifest(byOurs, claim, { ...manifest, statement }, good));
    expect(said).toMatch(/^verification-failed\nwhat oci:\/\/r\.example\/ext\/jq published is not jq 1\.7 x86-64/);
  });

  test('where a narrower rule asks for other keys', () => {
    const both = trust(
      [rule(['ours.pub'], { place: 'oci://r.example' }), rule(['other.pub'])],
      ringOf({ 'ours.pub': ours, 'other.pub': stranger }),
    );
    expect(refusal(() => vouchForManifest(both, claim, manifest, good))).toContain('trusted keys: other.pub');
  });

  test('where the trust has ended, though a wider rule would take it', () => {
    const ended = trust([rule(undefined, { place: 'oci://r.example' }), rule(['ours.pub'], { until: '2026-11-27' })]);
    expect(refusal(() => vouchForManifest(ended, claim, manifest, good))).toContain('ended after 2026-11-27');
    const lastDay = trust([rule(['ours.pub'], { until: '2026-11-28' })]);
    expect(vouchForManifest(lastDay, claim, manifest, good).signed).toBe(true);
  });

  test('where nobody is trusted: it is said how to trust somebody', () => {
    const said = refusal(() => vouchForManifest(trust([]), claim, manifest, good));
    expect(said).toContain('trust: [{place: "oci://r.example/ext/jq", names: [jq], unsigned: allowed}]');
    expect(said).toContain('Give the digest');
  });

  test.each([
    ['a short RSA key', generateKeyPairSync('rsa', { modulusLength: 1024 }), 'has 1024 bits'],
    ['a curve that is not used', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'is of the curve secp256k1'],
    ['a key of another kind', generateKeyPairSync('x25519'), 'is not of ECDSA, RSA or Ed25519'],
    ['no key', 'hello', 'has no "-----BEGIN PUBLIC KEY-----" in it'],
    ['a broken key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'cannot be read as a public key'],
  ])('where the key file holds %s', (_, key: Pair | string, why) => {
    const said = refusal(() =>
      vouchForManifest(trust([rule(['ours.pub'])], ringOf({ 'ours.pub': key })), claim, manifest, good),
    );
    expect(said).toContain(`/etc/sysext-agent/keys/ours.pub ${why}`);
  });

  test('where a key was taken out', () => {
    const masked: KeyRing = new Map([['ours.pub', { name: 'ours.pub', path: '/etc/ours.pub', kind: 'mask' }]]);
    const said = refusal(() => vouchForManifest(trust([rule(['ours.pub'])], masked), claim, manifest, good));
    expect(said).toContain('ours.pub: /etc/ours.pub takes it out');
  });
});

test('no signature makes it throw anything else, or is taken, whatever is in it', () => {
  const json = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text));
  const bytes = fc.oneof(json, fc.uint8Array(), fc.constant(Buffer.from('['.repeat(200_000))));
  const names = fc.constantFrom('mediaType', 'messageSignature', 'signature', 'dsseEnvelope', 'payload', 'signatures');
  const value = fc.oneof(
    fc.constantFrom('', 'AAAA', 'application/vnd.dev.sigstore.bundle', null, 1),
    fc.array(fc.string()),
  );
  const shaped = fc.dictionary(names, fc.oneof(value, fc.dictionary(names, value)));
  const hostile = fc.oneof(
    bytes,
    shaped.map((object) => Buffer.from(JSON.stringify(object))),
  );
  fc.assert(
    fc.property(hostile, hostile, (payload, signature) => {
      const found = [
        { kind: 'bundle', bytes: payload },
        { kind: 'simple-signing', payload, signature },
      ] as const;
      expect(refusal(() => vouchForManifest(byOurs, claim, manifest, found))).toMatch(/^verification-failed\n/);
    }),
    { numRuns: 500 },
  );
});

describe('a list', () => {
  const list = { source: 'https://r.example/SHA256SUMS', bytes: Buffer.from('sums\n') };
  const here = { ...claim, place: 'https://r.example' };
  const rules = [rule(['ours.pub'], { place: 'https://r.example' })];
  const signature = (key: Pair, bytes: Uint8Array) => ({
    kind: 'cosign' as const,
    source: `${list.source}.sig`,
    bytes: Buffer.from(`${sign('sha256', bytes, key.privateKey).toString('base64')}\n`),
  });

  test('counts with the signature of a trusted key, for what was asked for', async () => {
    const found = await verifyList(trust(rules), here, list, (kinds) => {
      expect([...kinds]).toEqual(['cosign']);
      return Promise.resolve([signature(ours, list.bytes)]);
    });
    expect(vouchForListed(here, found, manifest.statement, sha256)).toEqual({
      by: 'cosign key ours.pub',
      signed: true,
      sha256,
    });
    expect(refusal(() => vouchForListed(here, found, { name: 'tools', version: '1.7' }, sha256))).toContain(
      'is not jq',
    );
    expect(refusal(() => vouchForListed(here, found, { version: '1.7' }, sha256))).toContain('does not say its name');
  });

  test.each([
    ['none', [], 'there is no signature'],
    ['that of a stranger', [signature(stranger, list.bytes)], 'made by none of these keys'],
    ['one of another list', [signature(ours, Buffer.from('other\n'))], 'or is about something else'],
  ])('does not with %s', async (_, signatures, why) => {
    const error: unknown = await verifyList(trust(rules), here, list, () => Promise.resolve(signatures)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: 'verification-failed',
      details: { facts: [expect.stringContaining(why), expect.anything()] },
    });
  });

  test('needs none where unsigned images are taken', async () => {
    const lax = trust([rule(undefined, { place: 'https://r.example' })]);
    const found = await verifyList(lax, here, list, () => Promise.reject(new Error('nothing is to be fetched')));
    expect(found.signed).toBe(false);
  });
});

describe('a version that is older than the newest that came', () => {
  const old = { ...claim, version: '1.6' };

  test.each([
    ['is refused', old, '1.10', 'jq 1.6 is older than 1.10, which oci://r.example/ext/jq had before'],
    ['is taken where it is pinned', { ...old, pinned: true }, '1.10', 'it was taken'],
    ['is taken where none came before', old, undefined, 'it was taken'],
    ['is no older where it is the same', claim, '1.7', 'it was taken'],
  ])('%s', (_, asked, highest, said) => {
    const message = refusal(() => {
      refuseDowngrade(asked, highest);
    });
    expect(message).toContain(said);
  });
});

test('nothing else makes a voucher or a verified list', () => {
  const top = join(import.meta.dirname, '../../../..');
  const makers = globSync('src/**/*.ts', { cwd: top }).filter((file) =>
    /\bas (?:unknown as )?(?:Voucher|VerifiedList)\b/.test(readFileSync(join(top, file), 'utf8')),
  );
  expect(makers).toEqual(['src/published/trust/trust.ts']);
});
