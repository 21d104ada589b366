import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { PackageRequest, Relation } from '../../src/builder/packages/packages.ts';
import { createDebSource, type DebSourceOptions } from '../../src/builder/packages/deb/source.ts';
import { systemClock, type Clock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { createHttp } from '../../src/host/http.ts';
import { silent } from '../../src/host/progress.ts';
import { makeDeb, makeRepository, makeSigningKey, type TestRepository } from './support/repository.ts';

const day = 24 * 60 * 60 * 1000;
const today = new Date();
const ago = (days: number) => new Date(today.getTime() - days * day);

let workshop: string;
let archive: TestRepository;
let cacheDirectory: string;
let debs: Record<'hello1' | 'hello2' | 'strace' | 'vim' | 'nano' | 'foreign', string>;
let warnings: string[];

beforeAll(() => {
  workshop = mkdtempSync(join(tmpdir(), 'workshop-'));
  debs = {
    hello1: makeDeb(workshop, { name: 'hello', version: '1.0-1', files: { 'usr/bin/hello': 'one' } }),
    hello2: makeDeb(workshop, { name: 'hello', version: '1:2.0~rc1-1+b1', files: { 'usr/bin/hello': 'x'.repeat(9) } }),
    strace: makeDeb(workshop, { name: 'strace', version: '6.1', architecture: 'amd64' }),
    vim: makeDeb(workshop, { name: 'vim', version: '9', fields: { Provides: 'editor (= 9), vi' } }),
    nano: makeDeb(workshop, { name: 'nano', version: '7', fields: { Provides: 'editor' } }),
    foreign: makeDeb(workshop, { name: 'foreign', version: '1', architecture: 'arm64' }),
  };
});
afterAll(() => {
  rmSync(workshop, { recursive: true });
});

beforeEach(async () => {
  archive = await makeRepository(Object.values(debs));
  cacheDirectory = mkdtempSync(join(tmpdir(), 'cache-'));
  warnings = [];
});
afterEach(async () => {
  await archive.close();
  rmSync(cacheDirectory, { recursive: true });
});

/** What a host does: its cache stays, everything else is new each time. */
function source(options: Partial<DebSourceOptions> = {}) {
  const clock: Clock = { ...(options.clock ?? systemClock), sleep: () => Promise.resolve() };
  return createDebSource({
    repositories: [archive.repository],
    architecture: 'amd64',
    cacheDirectory,
    http: createHttp({ env: {}, clock, idleTimeout: 500 }),
    exec: createExec(process.env),
    progress: { ...silent, warn: (message) => warnings.push(message) },
    entries: () => Promise.resolve([]),
    ...options,
    clock,
  });
}

function request(name: string, ...constraints: readonly (readonly [Relation, string])[]): PackageRequest {
  return { name, constraints: constraints.map(([relation, version]) => ({ relation, version })) };
}

async function versions(options: Partial<DebSourceOptions>, ...requests: readonly PackageRequest[]) {
  const selected = await source(options).select(requests);
  return selected.map(({ name, version }) => `${name} ${version}`);
}

/** Typed as nothing in particular, which is what the matchers take. */
const mentioning = (text: string): unknown => expect.stringContaining(text);
const asked = (path: string) => archive.server.seen.filter((request) => request.path.endsWith(path));
const indexFiles = () => readdirSync(join(cacheDirectory, 'indexes'));
const inRelease = () => join(archive.directory, 'dists/stable/InRelease');

describe('packages of a signed repository', () => {
  it('are chosen and fetched, and every byte is the one that was published', async () => {
    const selected = await source().select([request('strace'), request('hello')]);
    expect(selected.map(({ name, version, architecture }) => [name, version, architecture])).toEqual([
      ['hello', '1:2.0~rc1-1+b1', 'all'],
      ['strace', '6.1', 'amd64'],
    ]);
    const [hello, strace] = await source().fetch(selected);
    expect(readFileSync(hello!.path).equals(readFileSync(debs.hello2))).toBe(true);
    expect(readFileSync(strace!.path).equals(readFileSync(debs.strace))).toBe(true);
    expect(asked('/Packages.gz')).toEqual([]);
    expect(archive.server.seen.some(({ path }) => path.includes('/by-hash/SHA256/'))).toBe(true);
  });

  it.each([
    ['packed with xz', { compressions: ['xz'] }],
    ['not packed', { compressions: [] }],
    ['without by-hash', { byHash: false }],
  ] as const)('are found in an index %s', async (_, options) => {
    archive.publish([debs.strace], { ...options, suite: 'other' });
    const repositories = [{ ...archive.repository, suites: ['other'] }];
    expect(await versions({ repositories }, request('strace'))).toEqual(['strace 6.1']);
  });

  it('are found where by-hash is announced but not there', async () => {
    rmSync(join(archive.directory, 'dists/stable/main/binary-amd64/by-hash'), { recursive: true });
    expect(await versions({}, request('strace'))).toEqual(['strace 6.1']);
  });

  it('are the newest of all suites', async () => {
    archive.publish([debs.hello1], { suite: 'old' });
    const repositories = [{ ...archive.repository, suites: ['old', 'stable'] }];
    expect(await versions({ repositories }, request('hello'))).toEqual(['hello 1:2.0~rc1-1+b1']);
    expect(await versions({ repositories }, request('hello', ['<<', '1:0']))).toEqual(['hello 1.0-1']);
  });

  it('may need a password, which is sent but neither shown nor kept', async () => {
    const uri = archive.uri.replace('//', '//user:secret@');
    const options = { repositories: [{ ...archive.repository, uri }] };
    const fetched = await source(options).fetch(await source(options).select([request('strace')]));
    expect(JSON.stringify(fetched)).not.toContain('secret');
    expect(spawnSync('grep', ['-r', 'secret', cacheDirectory]).status).toBe(1);
    const sent = new Set(archive.server.seen.map(({ headers }) => headers.authorization));
    expect(sent).toEqual(new Set([`Basic ${btoa('user:secret')}`]));
  });

  it('may come by a key file in ASCII armor', async () => {
    const repositories = [{ ...archive.repository, keys: [archive.key.armoredKeyFile] }];
    expect(await versions({ repositories }, request('strace'))).toEqual(['strace 6.1']);
  });
});

describe('the cache of package lists', () => {
  beforeEach(async () => {
    await source().select([request('hello')]);
  });

  it('is not refreshed within its time', async () => {
    const before = archive.server.seen.length;
    expect(await versions({}, request('strace'))).toEqual(['strace 6.1']);
    expect(archive.server.seen).toHaveLength(before);
  });

  it('is found to be current by a single small request', async () => {
    const before = archive.server.seen.length;
    await versions({ maxAge: 0 }, request('strace'));
    expect(archive.server.seen.slice(before).map(({ status }) => status)).toEqual([304]);
  });

  it('follows the archive, and keeps nothing of the old lists', async () => {
    const before = indexFiles();
    const abandoned = join(cacheDirectory, 'indexes', '.#Packages.gz.of-a-killed-process');
    writeFileSync(abandoned, '');
    utimesSync(abandoned, ago(2), ago(2));
    archive.publish([debs.hello1]);
    expect(await versions({ maxAge: 0 }, request('hello'))).toEqual(['hello 1.0-1']);
    expect(indexFiles()).toHaveLength(before.length);
    expect(indexFiles()).not.toEqual(before);
  });

  it('serves without a network, until it expires', async () => {
    archive.publish(Object.values(debs), { validUntil: new Date(today.getTime() + day) });
    await source({ maxAge: 0 }).select([]);
    const before = archive.server.seen.length;
    expect(await versions({ offline: true }, request('strace'))).toEqual(['strace 6.1']);
    expect(archive.server.seen).toHaveLength(before);
    const later: Clock = { ...systemClock, now: () => new Date(today.getTime() + 2 * day) };
    await expect(source({ offline: true, clock: later }).select([])).rejects.toMatchObject({
      code: 'verification-failed',
    });
  });

  it('serves with a warning while the server is away, unless it was asked to refresh', async () => {
    archive.server.inject('InRelease', { kind: 'status', status: 503 }, 99);
    const later: Clock = { ...systemClock, now: () => new Date(today.getTime() + day) };
    expect(await versions({ clock: later }, request('strace'))).toEqual(['strace 6.1']);
    expect(warnings).toEqual([mentioning('the server answered 503')]);
    await expect(source({ clock: later, maxAge: 0 }).select([])).rejects.toMatchObject({ code: 'network' });
  });

  it('is not moved back in time', async () => {
    archive.publish([debs.hello1], { date: ago(3) });
    expect(await versions({ maxAge: 0 }, request('strace'))).toEqual(['strace 6.1']);
    expect(warnings).toEqual([mentioning('the newer one stays in use')]);
  });

  it('is verified again when the keys change', async () => {
    const other = makeSigningKey(workshop, 'replacement');
    const repositories = [{ ...archive.repository, keys: [other.keyFile] }];
    await expect(source({ repositories, offline: true }).select([])).rejects.toMatchObject({
      code: 'verification-failed',
    });
    const both = [{ ...archive.repository, keys: [other.keyFile, archive.keyFile] }];
    expect(await versions({ repositories: both, offline: true }, request('strace'))).toEqual(['strace 6.1']);
    other.discard();
  });

  it('is filled anew when a part of it is lost', async () => {
    for (const name of indexFiles()) if (name.endsWith('.sqlite')) rmSync(join(cacheDirectory, 'indexes', name));
    expect(await versions({}, request('strace'))).toEqual(['strace 6.1']);
  });

  it('is shared by hosts that fill it at the same time', async () => {
    archive.publish([debs.strace]);
    const all = await Promise.all([1, 2, 3].map(() => versions({ maxAge: 0 }, request('strace'))));
    expect(all).toEqual(Array.from({ length: 3 }, () => ['strace 6.1']));
    expect(indexFiles().filter((name) => name.startsWith('.#'))).toEqual([]);
  });
});

describe('a repository that cannot be trusted', () => {
  const refused = async (options: Partial<DebSourceOptions> = {}) => {
    const error = await source(options)
      .select([request('strace')])
      .then(
        () => undefined,
        (cause: unknown) => cause,
      );
    expect(indexFilesIfAny()).toEqual([]);
    return error;
  };
  const indexFilesIfAny = () => {
    try {
      return indexFiles();
    } catch {
      return [];
    }
  };

  it('is refused when another key signed it, naming the keys', async () => {
    const other = makeSigningKey(workshop, 'other');
    const repositories = [{ ...archive.repository, keys: [other.keyFile] }];
    expect(await refused({ repositories })).toMatchObject({
      code: 'verification-failed',
      details: {
        facts: [
          mentioning(`signed by key ${archive.key.fingerprint.slice(-16).toLowerCase()}`),
          `trusted keys: ${other.fingerprint.slice(-16).toLowerCase()}`,
          `read from: ${other.keyFile}`,
        ],
      },
    });
    other.discard();
  });

  it.each([
    ['one letter of the signed text differs', (text: string) => text.replace('Origin: Tests', 'Origin: Texts')],
    ['something was added to the signed text', (text: string) => text.replace('\nOrigin', '\nX: y\nOrigin')],
    ['there is no signature', (text: string) => text.replace(/-----BEGIN PGP SIGNATURE[^]*/, '')],
    ['it is not signed at all', () => 'Suite: stable\n'],
    ['it is empty', () => ''],
  ])('is refused when %s', async (_, change) => {
    writeFileSync(inRelease(), change(readFileSync(inRelease(), 'utf8')));
    expect(await refused()).toMatchObject({ code: 'verification-failed' });
  });

  it('has no say by what stands outside of the signed text', async () => {
    writeFileSync(inRelease(), `Suite: evil\n\n${readFileSync(inRelease(), 'utf8')}\nSHA256:\n evil\n`);
    expect(await versions({}, request('strace'))).toEqual(['strace 6.1']);
  });

  it('is refused when it has expired, unless the administrator relaxes that', async () => {
    archive.publish(Object.values(debs), { date: ago(9), validUntil: ago(2) });
    expect(await refused()).toMatchObject({
      code: 'verification-failed',
      message: mentioning('expired'),
      details: { next: mentioning('check_valid_until: false') },
    });
    const repositories = [{ ...archive.repository, checkValidUntil: false }];
    expect(await versions({ repositories }, request('strace'))).toEqual(['strace 6.1']);
  });

  it('is refused when it is of another suite than was asked for', async () => {
    archive.publish(Object.values(debs), { fields: { Suite: 'testing', Codename: 'forky' } });
    expect(await refused()).toMatchObject({ code: 'verification-failed' });
  });

  it('is refused when a byte of the index is wrong', async () => {
    const { path } = byHash();
    archive.server.inject(path, { kind: 'flip', at: 20 });
    expect(await refused()).toMatchObject({ code: 'verification-failed' });
  });

  it('is refused when the index unpacks to something else than was promised', async () => {
    const text = readFileSync(inRelease().replace('InRelease', 'Release'), 'utf8');
    const forged = text.replace(/^ [0-9a-f]{64}( +\d+ main\/binary-amd64\/Packages)$/m, ` ${'0'.repeat(64)}$1`);
    writeFileSync(inRelease(), archive.key.sign(forged));
    expect(await refused()).toMatchObject({ code: 'verification-failed', message: mentioning('unpack') });
  });

  it('is told from one that does not exist', async () => {
    const repositories = [{ ...archive.repository, suites: ['sable'] }];
    expect(await refused({ repositories })).toMatchObject({ code: 'no-such-file' });
  });

  function byHash() {
    const directory = join(archive.directory, 'dists/stable/main/binary-amd64/by-hash/SHA256');
    const packed = execFileSync('sha256sum', [join(directory, '../../Packages.gz')])
      .toString()
      .slice(0, 64);
    return { path: `by-hash/SHA256/${packed}` };
  }
});

describe('requests that cannot be met', () => {
  it('are told all at once', async () => {
    const requests = [request('hello', ['>=', '1:2.0']), request('strce'), request('editor'), request('foreign')];
    await expect(source().select(requests)).rejects.toMatchObject({
      code: 'unsatisfiable',
      details: {
        facts: [
          'no version of hello is >= 1:2.0',
          '  available: 1:2.0~rc1-1+b1 in stable',
          '  available: 1.0-1 in stable',
          'there is no package strce',
          '  similar names: strace',
          'editor is a virtual package that several packages provide',
          '  provided by: nano, vim',
          'there is no package foreign for this architecture',
          '  available: for arm64',
        ],
      },
    });
  });

  it('are met by the only package that provides the name', async () => {
    expect(await versions({}, request('vi'), request('editor', ['>=', '9']))).toEqual(['vim 9']);
  });
});

describe('a package file', () => {
  const fetchHello = async (options: Partial<DebSourceOptions> = {}) => {
    const selected = await source().select([request('hello')]);
    return await source(options).fetch(selected);
  };
  const isHello = (path: string) => readFileSync(path).equals(readFileSync(debs.hello2));
  const pool = '+b1_all.deb';

  it('is fetched once', async () => {
    await fetchHello();
    await fetchHello();
    const [hello] = await fetchHello({ offline: true });
    expect(isHello(hello!.path)).toBe(true);
    expect(asked(pool)).toHaveLength(1);
  });

  it('is refused when a byte of it is wrong, and nothing of it is kept', async () => {
    archive.server.inject(pool, { kind: 'flip', at: 100 });
    await expect(fetchHello()).rejects.toMatchObject({ code: 'verification-failed' });
    expect(readdirSync(join(cacheDirectory, 'packages'))).toEqual([]);
  });

  it('is fetched again when the one in the cache was damaged', async () => {
    const [hello] = await fetchHello();
    writeFileSync(hello!.path, 'damaged');
    await expect(fetchHello({ offline: true })).rejects.toMatchObject({ code: 'verification-failed' });
    writeFileSync(hello!.path, 'damaged');
    const [again] = await fetchHello();
    expect(isHello(again!.path)).toBe(true);
    expect(warnings).toEqual([mentioning('damaged')]);
  });

  it('is resumed where the connection was lost', async () => {
    const big = makeDeb(workshop, { name: 'big', version: '1', files: { data: randomText(400_000) } });
    archive.publish([big]);
    archive.server.inject('big_1_all.deb', { kind: 'truncate', after: 200_000 });
    const [got] = await source().fetch(await source().select([request('big')]));
    expect(readFileSync(got!.path).equals(readFileSync(big))).toBe(true);
    expect(asked('big_1_all.deb').map(({ status }) => status)).toEqual([200, 206]);
  });

  it('is missed without a network', async () => {
    await expect(fetchHello({ offline: true })).rejects.toMatchObject({ code: 'network' });
  });

  it('that does not fit on the disk is told as that', async () => {
    const mountPoint = mkdtempSync(join(tmpdir(), 'full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mountPoint]);
    try {
      const big = makeDeb(workshop, { name: 'big', version: '1', files: { data: randomText(400_000) } });
      archive.publish([big]);
      const selected = await source().select([request('big')]);
      await expect(source({ cacheDirectory: mountPoint }).fetch(selected)).rejects.toMatchObject({ code: 'disk-full' });
    } finally {
      execFileSync('umount', [mountPoint]);
      rmSync(mountPoint, { recursive: true });
    }
  });

  function randomText(length: number): string {
    return execFileSync('openssl', ['rand', '-base64', String(length)]).toString();
  }
});

describe('the verdict on a signature', () => {
  it('is that of gpgv', async () => {
    const good = readFileSync(inRelease(), 'utf8');
    const other = makeSigningKey(workshop, 'third');
    const release = readFileSync(inRelease().replace('InRelease', 'Release'), 'utf8');
    const messages = {
      good,
      'changed text': good.replace('Origin: Tests', 'Origin: Texts'),
      'changed signature': good.replace(
        /(-----BEGIN PGP SIGNATURE-----\n\n.{30})(.)/,
        (_, head: string, letter: string) => head + (letter === 'A' ? 'B' : 'A'),
      ),
      'other key': other.sign(release),
      'line removed': good.replace(/^Components:.*\n/m, ''),
      'trailing blanks added': good.replace('Origin: Tests', 'Origin: Tests  '),
    };
    const verdicts = await Promise.all(
      Object.entries(messages).map(async ([what, message]) => [what, await ourVerdict(message), gpgvVerdict(message)]),
    );
    expect(verdicts.map(([what, ours]) => [what, ours])).toEqual(verdicts.map(([what, , theirs]) => [what, theirs]));
    expect(new Set(verdicts.map(([, ours]) => ours))).toEqual(new Set([true, false]));
    other.discard();
  });

  async function ourVerdict(message: string): Promise<boolean> {
    const { verifySigned } = await import('../../src/builder/packages/deb/signature.ts');
    const keys = [{ path: archive.keyFile, bytes: readFileSync(archive.keyFile) }];
    return await verifySigned('message', message, keys, new Date()).then(
      () => true,
      () => false,
    );
  }

  function gpgvVerdict(message: string): boolean {
    const path = join(workshop, 'message.asc');
    writeFileSync(path, message);
    return spawnSync('gpgv', ['--keyring', archive.keyFile, path]).status === 0;
  }
});
