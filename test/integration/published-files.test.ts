import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Architecture } from '../../src/core/architecture.ts';
import { isAgentError } from '../../src/core/errors.ts';
import { parseImageReference, withDetails } from '../../src/core/image-reference.ts';
import type { TrustRule } from '../../src/core/trust-rules.ts';
import type { WebServers } from '../../src/core/web-servers.ts';
import { systemClock, type Clock } from '../../src/host/clock.ts';
import type { Publisher } from '../../src/published/publisher.ts';
import type { Claim } from '../../src/published/trust/claim.ts';
import { readKeyRing } from '../../src/published/trust/key-ring.ts';
import { vouchForManifest, type Trust } from '../../src/published/trust/trust.ts';
import { createWebPublisher } from '../../src/published/web/publisher.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { startNginx, type Nginx } from './support/nginx.ts';

let nginx: Nginx;
let work: ReturnType<typeof temporaryDirectory>;
let home: string;

beforeAll(async () => {
  work = temporaryDirectory();
  home = work.at('gnupg');
  mkdirSync(home, { mode: 0o700 });
  nginx = await startNginx();
  makeOpenPgpKeys();
  makeCosignKeys();
});

afterAll(async () => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  await nginx[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

const gpg = (args: readonly string[], input?: Uint8Array) =>
  execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', ...args], {
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'ignore'],
  });

const keys = () => join(work.at('root'), 'etc/sysext-agent/keys');

/** Keys that were made in 2020: a good one, one of somebody else, one that has expired, and one that was revoked. */
function makeOpenPgpKeys(): void {
  mkdirSync(keys(), { recursive: true });
  const past = ['--faked-system-time', '20200101T000000!', '--passphrase', ''];
  for (const [name, expires] of [
    ['good', 'never'],
    ['stranger', 'never'],
    ['expired', '20210101T000000'],
    ['revoked', 'never'],
  ] as const) {
    gpg([...past, '--quick-generate-key', `${name}@example.org`, 'ed25519', 'sign', expires]);
    exportKey(name);
  }
  writeFileSync(work.at('SHA256SUMS'), sumsOf(published));
  gpg(['--local-user', 'revoked@example.org', '--detach-sign', work.at('SHA256SUMS')]);
  copyFileSync(join(keys(), 'revoked.gpg'), join(keys(), 'unrevoked.gpg'));
  writeFileSync(work.at('revoke'), revocation());
  gpg(['--import', work.at('revoke')]);
  exportKey('revoked');
}

/** What most of the tests publish. */
const published = { 'jq-1.7-x86-64.raw': 'the image' };

function exportKey(name: string): void {
  writeFileSync(join(keys(), `${name}.gpg`), gpg(['--export', `${name}@example.org`]));
  writeFileSync(join(keys(), `${name}.asc`), gpg(['--armor', '--export', `${name}@example.org`]));
}

/** gpg makes one beside every key, with a colon that keeps it from being used by mistake. */
function revocation(): string {
  const listed = gpg(['--with-colons', '--list-keys', 'revoked@example.org']).toString();
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
  return readFileSync(join(home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8').replace(/^:-----/m, '-----');
}

function openssl(...args: readonly string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

const curves = { ours: 'P-256', other: 'P-256', large: 'P-384' } as const;

function makeCosignKeys(): void {
  for (const [name, curve] of Object.entries(curves)) {
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`, '-out', work.at(`${name}.key`));
    openssl('pkey', '-in', work.at(`${name}.key`), '-pubout', '-out', join(keys(), `${name}.pub`));
  }
}

function signed(key: keyof typeof curves, bytes: Uint8Array, hash = 'sha256'): Buffer {
  writeFileSync(work.at('payload'), bytes);
  return openssl('dgst', `-${hash}`, '-sign', work.at(`${key}.key`), work.at('payload'));
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Puts files into a directory of the server, with their list; what was there before is removed. */
function publish(directory: string, files: Readonly<Record<string, string | Uint8Array>>, more = ''): string {
  const path = join(nginx.files, directory);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  writeFileSync(join(path, 'SHA256SUMS'), sumsOf(files) + more);
  return path;
}

function sumsOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  return Object.entries(files)
    .map(([name, bytes]) => `${sha256(bytes)} *${name}\n`)
    .join('');
}

function signList(path: string, key: string, ending: 'gpg' | 'asc', options: readonly string[] = []): void {
  const armor = ending === 'asc' ? ['--armor'] : [];
  const from = ['--local-user', `${key}@example.org`, '--output', join(path, `SHA256SUMS.${ending}`)];
  gpg([...options, ...armor, ...from, '--detach-sign', join(path, 'SHA256SUMS')]);
}

function trust(rules: readonly TrustRule[], clock: Clock = systemClock): Trust {
  return { rules, clock, keys: readKeyRing(['/etc/sysext-agent/keys'], work.at('root')) };
}

const everywhere = (...names: readonly string[]): readonly TrustRule[] => [
  { place: nginx.http, names: ['*'], keys: names },
];
const unsignedThere = (): readonly TrustRule[] => [{ place: nginx.http, names: ['*'], keys: undefined }];

interface Asked {
  readonly text?: string;
  readonly name?: string;
  readonly root?: string;
  readonly match?: readonly string[];
  readonly sha256?: string;
  readonly architecture?: Architecture;
  readonly rules?: readonly TrustRule[];
  readonly clock?: Clock;
  readonly servers?: WebServers;
}

function publisherOf(asked: Asked): Publisher {
  const parsed = parseImageReference(asked.text ?? `${nginx.http}/flatcar/jq/`);
  if (!('value' in parsed)) throw new Error(parsed.problem);
  const detailed = withDetails(parsed.value, asked);
  if (!('value' in detailed) || detailed.value.kind === 'oci') throw new Error('no reference');
  const release = { ID: 'fedora', VERSION_ID: '42' };
  return createWebPublisher({
    reference: detailed.value,
    root: asked.root ?? '/',
    name: asked.name ?? 'jq',
    host: { release, kernel: '6.12.0', architecture: asked.architecture ?? 'x86-64' },
    trust: trust(asked.rules ?? unsignedThere(), asked.clock),
    http: { env: {}, clock: systemClock, attempts: 1 },
    servers: asked.servers ?? new Map([[new URL(nginx.http).host, { plainHttp: true }]]),
  });
}

/** What comes of asking for the newest: the bytes and who vouches, or the message of the refusal with all its facts. */
async function pulled(asked: Asked, key?: string) {
  try {
    const publisher = publisherOf(asked);
    const versions = await publisher.versions();
    const version = versions.find((one) => one.key === key) ?? versions.at(-1);
    if (version === undefined) return 'no version';
    const described = await publisher.describe(version);
    if (described.kind === 'passed-over') return described.reason;
    const { offer } = described;
    const { by, sha256: vouched } = await publisher.vouch(offer);
    expect(vouched).toBe(offer.blob.sha256);
    await publisher.fetch(offer, { path: work.at('pulled'), sha256: vouched });
    return { version: version.version, by, bytes: readFileSync(work.at('pulled'), 'utf8') };
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return `${error.code}: ${[error.message, ...(error.details.facts ?? [])].join('; ')}`;
  } finally {
    rmSync(work.at('pulled'), { force: true });
  }
}

describe('a list that OpenPGP signed', () => {
  let path: string;
  beforeEach(() => {
    path = publish('flatcar/jq', published);
  });

  /** gpgv is the judge of whether a signature is good, as far as it goes. */
  function gpgvSays(key: string, ending: string): boolean {
    const files = [join(path, `SHA256SUMS.${ending}`), join(path, 'SHA256SUMS')];
    return spawnSync('gpgv', ['--keyring', join(keys(), `${key}.gpg`), ...files]).status === 0;
  }

  test.each(['gpg', 'asc'] as const)('counts with SHA256SUMS.%s, by keys in either form', async (ending) => {
    signList(path, 'good', ending);

    expect(gpgvSays('good', ending)).toBe(true);
    for (const key of ['good.gpg', 'good.asc']) {
      expect(await pulled({ rules: everywhere(key) })).toMatchObject({
        by: expect.stringMatching(/^OpenPGP key [0-9a-f]{16}$/),
        bytes: 'the image',
      });
    }
  });

  test('does not without a signature, or with one by somebody else', async () => {
    const why = 'SHA256SUMS has no good signature by a key that is trusted there';
    expect(await pulled({ rules: everywhere('good.gpg') })).toContain(`${why}; there is no signature`);
    signList(path, 'stranger', 'gpg');
    expect(gpgvSays('good', 'gpg')).toBe(false);
    expect(await pulled({ rules: everywhere('good.gpg') })).toMatch(`${why}; ${nginx.http}`);
    // While keys change, both can be trusted.
    expect(await pulled({ rules: everywhere('good.gpg', 'stranger.asc') })).toMatchObject({ bytes: 'the image' });
  });

  test('does not when it was changed after it was signed', async () => {
    signList(path, 'good', 'gpg');
    writeFileSync(join(path, 'SHA256SUMS'), `${sha256('another')}  jq-1.8-x86-64.raw\n`);

    expect(gpgvSays('good', 'gpg')).toBe(false);
    expect(await pulled({ rules: everywhere('good.gpg') })).toContain('has no good signature');
  });

  test('does not where the signature is no signature', async () => {
    signList(path, 'good', 'gpg');
    const good = readFileSync(join(path, 'SHA256SUMS.gpg'));
    for (const bytes of [
      '<html>',
      '',
      good.subarray(0, 40),
      Buffer.alloc(1000, 0xff),
      `-----BEGIN PGP SIGNATURE-----`,
    ]) {
      writeFileSync(join(path, 'SHA256SUMS.gpg'), bytes);
      expect(await pulled({ rules: everywhere('good.gpg') })).toContain('verification-failed: ');
    }
  });

  test('does not by a key that has expired, though it had not when it signed', async () => {
    signList(path, 'expired', 'gpg', ['--faked-system-time', '20200601T000000!']);

    expect(await pulled({ rules: everywhere('expired.gpg') })).toContain('Primary key is expired');
    const then: Clock = { ...systemClock, now: () => new Date('2020-07-01T00:00:00Z') };
    expect(await pulled({ rules: everywhere('expired.gpg'), clock: then })).toMatchObject({ bytes: 'the image' });
  });

  test('does not by a signature that has expired', async () => {
    signList(path, 'good', 'gpg', ['--faked-system-time', '20200601T000000!', '--default-sig-expire', '10d']);
    expect(await pulled({ rules: everywhere('good.gpg') })).toContain('Signature is expired');
  });

  test('does not by a key that was revoked, in whichever file that stands', async () => {
    copyFileSync(work.at('SHA256SUMS.sig'), join(path, 'SHA256SUMS.gpg'));

    expect(await pulled({ rules: everywhere('unrevoked.gpg') })).toMatchObject({ bytes: 'the image' });
    expect(await pulled({ rules: everywhere('revoked.gpg') })).toContain('revoked');
    expect(await pulled({ rules: everywhere('unrevoked.gpg', 'revoked.gpg') })).toContain('revoked');
  });
});

describe('a list that cosign signed', () => {
  let path: string;
  let list: Buffer;
  beforeEach(() => {
    path = publish('flatcar/jq', published);
    list = readFileSync(join(path, 'SHA256SUMS'));
  });
  const sign = (file: string, bytes: string | Uint8Array) => {
    writeFileSync(join(path, file), bytes);
  };

  test('counts with SHA256SUMS.sig or a bundle by a trusted key', async () => {
    sign('SHA256SUMS.sig', signed('ours', list).toString('base64'));
    expect(await pulled({ rules: everywhere('ours.pub') })).toMatchObject({ by: 'cosign key ours.pub' });

    rmSync(join(path, 'SHA256SUMS.sig'));
    const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const messageSignature = { signature: signed('large', list, 'sha384').toString('base64') };
    sign('SHA256SUMS.sigstore.json', JSON.stringify({ mediaType, messageSignature }));
    expect(await pulled({ rules: everywhere('ours.pub', 'large.pub') })).toMatchObject({ by: 'cosign key large.pub' });
  });

  test('does not by another key, or of another list', async () => {
    sign('SHA256SUMS.sig', signed('other', list).toString('base64'));
    expect(await pulled({ rules: everywhere('ours.pub') })).toContain('it was made by none of these keys');
    sign('SHA256SUMS.sig', signed('ours', Buffer.from('another list')).toString('base64'));
    expect(await pulled({ rules: everywhere('ours.pub') })).toContain('is about something else');
  });

  test('does not by a key of another place, nor with a key file that others can write', async () => {
    sign('SHA256SUMS.sig', signed('ours', list).toString('base64'));
    const place = `${nginx.http}/flatcar`;
    const rules = [...everywhere('ours.pub'), { place, names: ['*'], keys: ['other.pub'] }];
    expect(await pulled({ rules })).toContain('has no good signature');

    chmodSync(join(keys(), 'ours.pub'), 0o666);
    const refused = await pulled({ rules: everywhere('ours.pub') });
    chmodSync(join(keys(), 'ours.pub'), 0o644);
    expect(refused).toContain('ours.pub: it can be written by others than root');
  });

  test('does not where the key was taken out', () => {
    const vendor = join(work.at('root'), 'usr/lib/sysext-agent/keys');
    mkdirSync(vendor, { recursive: true });
    copyFileSync(join(keys(), 'ours.pub'), join(vendor, 'vendor.pub'));
    const both = () => readKeyRing(['/etc/sysext-agent/keys', '/usr/lib/sysext-agent/keys'], work.at('root'));
    expect(both().get('vendor.pub')).toMatchObject({ kind: 'file' });
    symlinkSync('/dev/null', join(keys(), 'vendor.pub'));
    expect(both().get('vendor.pub')).toMatchObject({ kind: 'mask' });
  });
});

describe('without a signature', () => {
  test('nothing is taken, unless the settings say so', async () => {
    publish('flatcar/jq', published);
    expect(await pulled({ rules: [] })).toBe(
      `verification-failed: nobody is trusted to publish jq at ${nginx.http}/flatcar/jq`,
    );
    expect(await pulled({})).toMatchObject({ by: expect.stringContaining('take unsigned images'), bytes: 'the image' });
  });

  test('a file is taken by its digest, and no list is asked for', async () => {
    rmSync(join(publish('flatcar/jq', published), 'SHA256SUMS'));
    const text = `${nginx.http}/flatcar/jq/jq-1.7-x86-64.raw`;
    const digest = sha256('the image');

    expect(await pulled({ text, sha256: digest, rules: [] })).toMatchObject({
      version: '1.7',
      by: 'the digest that was asked for',
    });
    expect(await pulled({ text, sha256: sha256('another'), rules: [] })).toContain(`found:    sha256 ${digest}`);
    expect(existsSync(work.at('pulled'))).toBe(false);
    expect(await pulled({ text })).toContain('says not what it has');
  });

  test('a single file is held against the list beside it', async () => {
    publish('flatcar/jq', published);
    expect(await pulled({ text: `${nginx.http}/flatcar/jq/jq-1.7-x86-64.raw` })).toMatchObject({ version: '1.7' });
    expect(await pulled({ text: `${nginx.http}/flatcar/jq/jq-1.8.raw` })).toContain('is not in the SHA256SUMS');
  });
});

describe('the layout', () => {
  test('of Flatcar: a directory for each extension, all architectures in it', async () => {
    publish('flatcar/jq', {
      'jq-1.7-x86-64.raw': 'old',
      'jq-1.7-arm64.raw': 'old arm',
      'jq-1.8-x86-64.raw': 'new',
      'jq-1.9-arm64.raw': 'only arm',
      'jq.conf': 'no image',
      'yq-1.0-x86-64.raw': 'another',
    });
    const match = ['jq-@v-%a.raw'];

    const versions = await publisherOf({ match }).versions();
    expect(versions.map(({ version }) => version)).toEqual(['1.7', '1.8', '1.9']);
    expect(await pulled({ match }, 'jq-1.8-x86-64.raw')).toMatchObject({ version: '1.8', bytes: 'new' });
    expect(await pulled({ match }, 'jq-1.9-arm64.raw')).toBe('jq-1.9-arm64.raw is for arm64, this host is x86-64');
    expect(await pulled({ match, architecture: 'arm64' }, 'jq-1.7-arm64.raw')).toMatchObject({ bytes: 'old arm' });
    // The usual names need no pattern, and a redirect to where the files are is followed.
    expect(await pulled({ text: `${nginx.http}/moved/` }, 'jq-1.8-x86-64.raw')).toMatchObject({ bytes: 'new' });
  });

  test('of Fedora: one directory, the release in the names, packed images', async () => {
    const packed = gzipSync('packed');
    publish('fedora', {
      'jq-1.7-41-x86-64.raw': 'for 41',
      'jq-1.8-42-x86-64.raw.gz': packed,
      'tools-3-42-x86-64.raw': 'tools',
    });
    const asked = { text: `${nginx.http}/fedora/`, match: ['jq-@v-%w-%a.raw', 'jq-@v-%w-%a.raw.gz'] };

    const publisher = publisherOf(asked);
    const versions = await publisher.versions();
    expect(versions).toEqual([{ version: '1.8', key: 'jq-1.8-42-x86-64.raw.gz' }]);
    expect(await publisher.describe(versions[0]!)).toMatchObject({
      kind: 'offer',
      offer: { architecture: 'x86-64', blob: { sha256: sha256(packed), compression: 'gzip', form: 'raw' } },
    });
  });

  test('of a directory on this host', async () => {
    const path = publish('local', published);
    const rules = [{ place: path, names: ['jq'], keys: undefined }];
    expect(await pulled({ text: `${path}/`, rules })).toMatchObject({ version: '1.7', bytes: 'the image' });
    const below = { text: '/local/', root: nginx.files, rules: [{ place: '/local', names: ['jq'], keys: undefined }] };
    expect(await pulled(below)).toMatchObject({ bytes: 'the image' });
    writeFileSync(join(path, 'jq-1.7-x86-64.raw'), 'changed');
    expect(await pulled({ text: `${path}/`, rules })).toContain('is not the file that was promised');
  });

  test('says until when it is good', async () => {
    publish('flatcar/jq', published, `${sha256('')}  BEST-BEFORE-2026-01-01\n`);
    const at = (day: string): Clock => ({ ...systemClock, now: () => new Date(day) });
    expect(await pulled({ clock: at('2025-12-31') })).toMatchObject({ bytes: 'the image' });
    expect(await pulled({ clock: at('2026-01-01') })).toContain('is out of date: it was good before 2026-01-01');
  });

  test('must name the extension where it is signed', async () => {
    const path = publish('flatcar/jq', { '1.7.raw': 'whatever' });
    signList(path, 'good', 'gpg');
    expect(await pulled({ match: ['@v.raw'], rules: everywhere('good.gpg') })).toContain('it does not say its name');
  });
});

describe('a server', () => {
  test('is spoken to without encryption only where the settings say so', async () => {
    publish('flatcar/jq', published);
    expect(await pulled({ servers: new Map() })).toContain('is not encrypted');
  });

  test('with a certificate that nobody knows is not believed, unless the settings name it for this server', async () => {
    publish('flatcar/jq', published);
    const asked = {
      text: `${nginx.https}/flatcar/jq/`,
      rules: [{ place: nginx.https, names: ['jq'], keys: undefined }],
    };
    const accepted = (host: string) => new Map([[host, { ca: nginx.certificate, plainHttp: false }]]);

    expect(await pulled(asked)).toMatch(/^network: cannot fetch .*self-signed/);
    expect(await pulled({ ...asked, servers: accepted('127.0.0.1') })).toMatch(/^network: cannot fetch .*self-signed/);
    const { host } = new URL(nginx.https);
    expect(await pulled({ ...asked, servers: accepted(host) })).toMatchObject({ bytes: 'the image' });
  });

  test('that has another file than its list says gives nothing', async () => {
    writeFileSync(join(publish('flatcar/jq', published), 'jq-1.7-x86-64.raw'), 'something else');
    expect(await pulled({})).toContain('is not the file that was promised');
  });

  test('that says 403 of a signature that it does not have is believed, and nothing is taken', async () => {
    publish('s3', published);
    const text = `${nginx.http}/s3/`;
    const refused = await pulled({ text, rules: everywhere('good.gpg') });
    expect(refused).toMatch(/^verification-failed: .* has no good signature by a key that is trusted there/);
    expect(refused).toContain('SHA256SUMS.gpg: the server answered 403: it is not there or secret');
    expect(await pulled({ text })).toMatchObject({ bytes: 'the image' });
  });

  test('that sends too much of a list is not listened to', async () => {
    writeFileSync(join(publish('flatcar/jq', published), 'SHA256SUMS'), Buffer.alloc(4 * 1024 * 1024 + 1, 'a'));
    expect(await pulled({})).toContain('is larger than the 4194304 bytes allowed');
  });
});

describe('a manifest that cosign signed', () => {
  const place = 'oci://registry.example.org/extensions/jq';
  const claim: Claim = { place, name: 'jq', version: '1.7', architecture: 'x86-64', pinned: false };
  const annotated = (name: string, version: string) => {
    const statement = { name, version, architecture: 'x86-64' as const };
    return { bytes: Buffer.from(JSON.stringify({ annotations: statement })), statement, sha256: sha256('blob') };
  };
  const good = annotated('jq', '1.7');

  /** As `cosign sign` puts it together: docs of the format are in its SIGNATURE_SPEC.md. */
  function cosign(key: keyof typeof curves, manifest: Uint8Array) {
    const image = { 'docker-manifest-digest': `sha256:${sha256(manifest)}` };
    const identity = { 'docker-reference': 'registry.example.org/extensions/jq' };
    const critical = { identity, image, type: 'cosign container image signature' };
    const payload = Buffer.from(JSON.stringify({ critical, optional: null }));
    return { kind: 'simple-signing', payload, signature: signed(key, payload) } as const;
  }

  function vouched(manifest: typeof good, ...signatures: readonly ReturnType<typeof cosign>[]): string {
    const rules = [{ place: 'oci://registry.example.org/extensions', names: ['*'], keys: ['ours.pub'] }];
    try {
      return vouchForManifest(trust(rules), claim, manifest, signatures).by;
    } catch (error) {
      if (!isAgentError(error, 'verification-failed')) throw error;
      return [error.message, ...(error.details.facts ?? [])].join('; ');
    }
  }

  test('counts with the right key', () => {
    expect(vouched(good, cosign('other', good.bytes), cosign('ours', good.bytes))).toBe('cosign key ours.pub');
  });

  test('does not with the wrong key, or the right key and another digest', () => {
    expect(vouched(good, cosign('other', good.bytes))).toContain('it was made by none of these keys');
    expect(vouched(good, cosign('ours', Buffer.from('{}')))).toContain('by ours.pub, but is about something else');
  });

  test('does not when it is offered under another name or as a newer version', () => {
    const tools = annotated('tools', '1.7');
    expect(vouched(tools, cosign('ours', tools.bytes))).toContain('is not jq 1.7 x86-64; it says of itself: "tools"');
    const old = annotated('jq', '1.6');
    expect(vouched(old, cosign('ours', old.bytes))).toContain('it says of itself: "jq" "1.6"');
  });

  test('does not when its annotations were stripped, before it was signed or after', () => {
    const stripped = { ...good, bytes: Buffer.from('{}'), statement: {} as typeof good.statement };
    expect(vouched(stripped, cosign('ours', good.bytes))).toContain('about something else');
    expect(vouched(stripped, cosign('ours', stripped.bytes))).toContain('it does not say its name and version');
  });
});
