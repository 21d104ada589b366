import { createHash } from 'node:crypto';

import { beforeAll, describe, expect, test } from 'vitest';

import { judgeKeyless, type TrustedSigner } from '../../../../src/published/trust/keyless.ts';
import { sigstoreAuthorities, type Authorities, type Bundle } from '../../../support/sigstore.ts';

const workflow = 'https://github.com/example/jq/.github/workflows/release.yml@refs/tags/v1.7';
const issuer = 'https://token.actions.githubusercontent.com';
const holder = { subject: workflow, issuer };
const manifest = Buffer.from('{"layers": []}');
const statement = (bytes: Uint8Array, predicateType = 'https://sigstore.dev/cosign/sign/v1') => ({
  _type: 'https://in-toto.io/Statement/v1',
  predicateType,
  subject: [{ digest: { sha256: createHash('sha256').update(bytes).digest('hex') } }],
});

let authorities: Authorities;
let message: Bundle;
let envelope: Bundle;
beforeAll(async () => {
  authorities = await sigstoreAuthorities();
  message = await authorities.signMessage(manifest, holder);
  envelope = await authorities.signStatement(statement(manifest), holder);
});

function signer(more: Partial<TrustedSigner> = {}): TrustedSigner {
  return { ...holder, root: 'example.json', rootBytes: Buffer.from(authorities.root), ...more };
}

function judged(bundle: object, signers: readonly TrustedSigner[] = [signer()], documents = [manifest]) {
  const bytes = Buffer.from(JSON.stringify(bundle));
  return judgeKeyless(
    bytes,
    documents.map((document) => ({ bytes: document })),
    signers,
  );
}

const good = { good: true, by: `${workflow}, known to ${issuer}` };
const bad = (fault: unknown = expect.any(String)) => ({ good: false, fault });

describe('a bundle that was made with a certificate is good', () => {
  test('for the signer that is trusted, as message and as statement', () => {
    expect([judged(message), judged(envelope)]).toEqual([good, good]);
  });

  test('by any of the signers, and about any of the documents', () => {
    const others = [signer({ subject: 'me@example.org' }), signer({ root: 'no.json', rootBytes: Buffer.from('{}') })];
    expect(judged(message, [...others, signer()], [Buffer.from('index'), manifest])).toEqual(good);
  });

  test.each([
    ['https://github.com/example/jq/.github/workflows/release.yml@refs/tags/*', true],
    ['https://github.com/example/*/.github/workflows/release.yml@refs/tags/v1.7', true],
    ['https://github.com/example/*', false],
    ['https://github.com/example/jq', false],
    ['github.com/example/jq/.github/workflows/release.yml@refs/tags/v1.7', false],
    ['https://github.com/example/jq/.github/workflows/releaseXyml@refs/tags/v1.7', false],
    ['.*', false],
    ['', false],
  ])('where its subject is %j: %s', (subject, isGood) => {
    expect(judged(message, [signer({ subject })]).good).toBe(isGood);
  });
});

describe('a bundle that was made with a certificate is not good', () => {
  test('by somebody else, or whom somebody else knows', () => {
    expect(judged(message, [signer({ subject: 'me@example.org' })])).toEqual(
      bad(`it was made by "${workflow}", known to "${issuer}"`),
    );
    expect(judged(message, [signer({ issuer: 'https://accounts.example.org' })])).toMatchObject({ good: false });
  });

  test('of other authorities, whatever they say', async () => {
    const others = await sigstoreAuthorities();
    const foreign = await others.signMessage(manifest, holder);
    expect(judged(foreign)).toEqual(bad(expect.stringContaining('it is not proven by example.json')));
    const root = JSON.parse(authorities.root) as Record<string, unknown>;
    const theirs = JSON.parse(others.root) as Record<string, unknown>;
    for (const part of ['tlogs', 'ctlogs', 'certificateAuthorities']) {
      const mixed = JSON.stringify({ ...root, [part]: theirs[part] });
      expect([part, judged(message, [signer({ rootBytes: Buffer.from(mixed) })])]).toEqual([part, bad()]);
    }
  });

  test('about another document, or where it says something else of this one', async () => {
    const other = [Buffer.from('another')];
    expect([judged(message, [signer()], other), judged(envelope, [signer()], other)]).toEqual([bad(), bad()]);
    const listed = await authorities.signStatement(statement(manifest, 'https://spdx.dev/Document'), holder);
    expect(judged(listed)).toEqual(bad(expect.stringContaining('about something else')));
  });

  test('without its entry in the log, with that of another, or where it was changed', async () => {
    const another = await authorities.signMessage(Buffer.from('another'), holder);
    const material = message.verificationMaterial;
    const [entry = {}] = material['tlogEntries'] as Record<string, unknown>[];
    const changes: Record<string, unknown>[] = [
      { tlogEntries: [] },
      { tlogEntries: another.verificationMaterial['tlogEntries'] },
      { tlogEntries: [{ ...entry, integratedTime: '1' }] },
      { tlogEntries: [{ ...entry, inclusionPromise: undefined }] },
      { tlogEntries: [{ ...entry, canonicalizedBody: 'e30=' }] },
      { certificate: another.verificationMaterial['certificate'] },
      { certificate: { rawBytes: 'AAAA' } },
      { certificate: undefined, publicKey: { hint: 'ours' } },
    ];
    for (const change of changes) {
      const changed = { ...message, verificationMaterial: { ...material, ...change } };
      expect([Object.keys(change), judged(changed)]).toEqual([Object.keys(change), bad()]);
    }
  });

  test.each([null, [], 1, {}, { mediaType: 'x' }, { verificationMaterial: null }])('where it is %j', (bundle) => {
    expect(judged(bundle as object)).toEqual(bad());
  });

  test('whatever bytes of it are spoiled', () => {
    const text = JSON.stringify(message);
    for (let at = 0; at < text.length; at += 97) {
      const spoiled = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
      const verdict = judgeKeyless(Buffer.from(spoiled), [{ bytes: manifest }], [signer()]);
      if (verdict.good) expect(verdict).toEqual(good);
    }
    expect(judgeKeyless(Buffer.from([0xff]), [{ bytes: manifest }], [signer()])).toEqual(bad());
  });
});
