import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../../src/host/clock.ts';
import { redirected, shown } from '../../../src/host/exchange.ts';
import { sha256 } from '../../../src/host/digest.ts';
import { createHttp, type Http, type HttpSettings } from '../../../src/host/http.ts';
import { ownedPath } from '../../../src/host/owned.ts';
import { silent, type Progress } from '../../../src/host/progress.ts';
import { close, listen, serveFiles, type FileServer } from '../../integration/support/server.ts';

/** Waits for nothing: what is tested is that it would have waited. */
const impatient: Clock = { ...systemClock, sleep: () => Promise.resolve() };

function client(settings: Partial<HttpSettings> = {}): Http {
  return createHttp({ env: {}, clock: impatient, ...settings });
}

/** Where a server falls silent. On a machine that is busy an answer takes longer than one would think. */
const soonTired = { idleTimeout: 500 };

let directory: string;
let server: FileServer;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'http-'));
  server = await serveFiles(directory);
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

describe('a small document', () => {
  const get = (http: Http, more: Partial<Parameters<Http['get']>[1]> = {}) =>
    http.get(`${server.uri}/a.txt`, { maxSize: 100, ...more });

  beforeEach(() => {
    writeFileSync(join(directory, 'a.txt'), 'content');
  });

  it('comes with what recognises it, and is not sent a second time', async () => {
    const http = client();
    const first = await get(http);
    if (first.kind !== 'content') throw new Error('nothing came');
    expect(first.body.toString()).toBe('content');
    expect(await get(http, { validators: first.validators })).toEqual({ kind: 'not-modified' });
    expect(server.seen.map(({ status }) => status)).toEqual([200, 304]);
  });

  it.each([
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '1' } }],
    ['503', { kind: 'status', status: 503 }],
    ['a cut connection', { kind: 'truncate', after: 3 }],
    ['silence', { kind: 'stall', after: 3 }],
  ] as const)('is asked for again after %s', async (_, fault) => {
    server.inject('a.txt', fault, 2);
    const http = client(fault.kind === 'stall' ? soonTired : {});
    expect(await get(http)).toMatchObject({ kind: 'content', body: Buffer.from('content') });
    expect(server.seen).toHaveLength(3);
  });

  it('fails as network when it never comes', async () => {
    server.inject('a.txt', { kind: 'status', status: 500 }, 9);
    await expect(get(client({ attempts: 2 }))).rejects.toThrow(
      expect.objectContaining({
        code: 'network',
        message: `cannot fetch ${server.uri}/a.txt: the server answered 500`,
      }),
    );
    expect(server.seen).toHaveLength(2);
  });

  it('is not asked for again when the server has none, or keeps it to itself', async () => {
    const missing = client().get(`${server.uri}/none`, { maxSize: 1 });
    await expect(missing).rejects.toThrow(expect.objectContaining({ code: 'no-such-file' }));
    server.inject('a.txt', { kind: 'status', status: 403 });
    await expect(get(client())).rejects.toThrow(expect.objectContaining({ code: 'network' }));
    expect(server.seen).toHaveLength(2);
  });

  it('is refused when it is too large', async () => {
    await expect(get(client(), { maxSize: 6 })).rejects.toThrow('larger than the 6 bytes');
  });

  it('is interrupted by the signal', async () => {
    server.inject('a.txt', { kind: 'stall', after: 3 });
    const abort = new AbortController();
    const document = get(client({ idleTimeout: 60_000 }), { signal: abort.signal });
    setImmediate(() => {
      abort.abort();
    });
    await expect(document).rejects.toThrow(expect.objectContaining({ code: 'interrupted' }));
  });

  it('comes through the proxy that the environment names, except from hosts that it excludes', async () => {
    const proxy = createServer((request, response) => response.end(`proxied ${request.url ?? ''}`));
    const address = await listen(proxy);
    for (const env of [{ http_proxy: address }, { HTTP_PROXY: address }])
      expect(await client({ env }).get('http://archive.example/a', { maxSize: 100 })).toMatchObject({
        body: Buffer.from('proxied http://archive.example/a'),
      });
    const direct = client({ env: { http_proxy: address, no_proxy: '127.0.0.1' } });
    expect(await get(direct)).toMatchObject({ body: Buffer.from('content') });
    await close(proxy);
  });
});

describe('credentials in an address', () => {
  it('are sent, and never shown', async () => {
    const address = `${server.uri.replace('//', '//user:secret@')}/none?token=secret`;
    const error: unknown = await client()
      .get(address, { maxSize: 1 })
      .catch((cause: unknown) => cause);
    expect(String(error)).toContain('127.0.0.1');
    expect(String(error)).not.toContain('secret');
    expect(server.seen[0]?.headers.authorization).toBe(`Basic ${btoa('user:secret')}`);
  });

  it.each([
    ['http://user:secret@host:80/path?query#part', 'http://host:80/path'],
    ['https://user@host/a@b', 'https://host/a@b'],
    ['https://host', 'https://host'],
  ])('%s is shown as %s', (address, expected) => {
    expect(shown(address)).toBe(expected);
  });
});

describe('a redirect', () => {
  const follow = (from: string, location: string, first = from) =>
    redirected(new URL(first), new URL(from), location).href;

  it('keeps the credentials with their own server', () => {
    expect(follow('https://u:p@a/x', '/y')).toBe('https://u:p@a/y');
    expect(follow('https://u:p@a/x', 'https://b/y')).toBe('https://b/y');
    expect(follow('https://u:p@a/x', 'https://v:q@b/y')).toBe('https://b/y');
    expect(follow('http://u:p@a/x', 'https://a/y')).toBe('https://a/y');
  });

  it.each(['http://a/y', 'file:///etc/passwd', 'ftp://a/y', 'https://['])('from https to %s is refused', (location) => {
    expect(() => follow('https://a/x', location)).toThrow(expect.objectContaining({ code: 'network' }));
  });

  it('is followed without secret headers to another server, and not for ever', async () => {
    writeFileSync(join(directory, 'a.txt'), 'content');
    const other = createServer((request, response) => {
      const location = request.url === '/loop' ? '/loop' : `${server.uri}/a.txt`;
      response.writeHead(302, { location }).end();
    });
    const uri = await listen(other);
    const headers = { authorization: 'Bearer secret' };
    expect(await client().get(`${uri}/once`, { maxSize: 100, headers })).toMatchObject({ kind: 'content' });
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
    await expect(client().get(`${uri}/loop`, { maxSize: 100 })).rejects.toThrow('redirects too many times');
    await close(other);
  });
});

describe('a download', () => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  const digest = sha256(content);
  const wanted = (more: Partial<Parameters<Http['download']>[1]> = {}) => ({
    path: join(directory, 'got', 'file'),
    sha256: digest,
    size: content.length,
    ...more,
  });
  const download = (
    http: Http,
    more: Parameters<typeof wanted>[0] = {},
    options: Parameters<Http['download']>[2] = {},
  ) => http.download(`${server.uri}/big`, wanted(more), options);
  const left = () => readdirSync(join(directory, 'got'));

  beforeEach(() => {
    writeFileSync(join(directory, 'big'), content);
  });

  it('is whole, verified, and alone', async () => {
    await download(client());
    expect(left()).toEqual(['file']);
    expect(readFileSync(wanted().path).equals(content)).toBe(true);
  });

  it.each([
    ['cut', { kind: 'truncate', after: 100_000 }],
    ['silent', { kind: 'stall', after: 100_000 }],
  ] as const)('goes on where the connection was %s, and counts no byte twice', async (_, fault) => {
    server.inject('big', fault);
    let advanced = 0;
    const progress: Progress = { ...silent, advance: (bytes) => (advanced += bytes) };
    await download(client(fault.kind === 'stall' ? soonTired : {}), {}, { progress });
    expect(server.seen.map(({ status }) => status)).toEqual([200, 206]);
    expect(server.seen[1]?.headers.range).toMatch(/^bytes=\d+-$/);
    expect(advanced).toBe(content.length);
    expect(readFileSync(wanted().path).equals(content)).toBe(true);
  });

  it('starts again where the server ignores the range', async () => {
    server.inject('big', { kind: 'truncate', after: 100_000 });
    server.inject('big', { kind: 'ignore-range' });
    await download(client());
    expect(server.seen.map(({ status }) => status)).toEqual([200, 200]);
    expect(readFileSync(wanted().path).equals(content)).toBe(true);
  });

  it('fails as network, and leaves what came for the next time', async () => {
    server.inject('big', { kind: 'truncate', after: 100_000 }, 2);
    await expect(download(client({ attempts: 2 }))).rejects.toThrow(expect.objectContaining({ code: 'network' }));
    expect(left()).toEqual([`${digest}.part`]);
    const counted = { found: 0, advance: 0 };
    const progress: Progress = {
      ...silent,
      found: (bytes) => (counted.found += bytes),
      advance: (bytes) => (counted.advance += bytes),
    };
    await download(client(), {}, { progress });
    expect(server.seen.at(-1)?.status).toBe(206);
    expect(left()).toEqual(['file']);
    expect(counted.found).toBeGreaterThan(0);
    expect(counted.found + counted.advance).toBe(content.length);
  });

  it('leaves what came when it is cancelled', async () => {
    server.inject('big', { kind: 'stall', after: 100_000 });
    const abort = new AbortController();
    const progress: Progress = {
      ...silent,
      advance: () => {
        abort.abort();
      },
    };
    await expect(download(client(), {}, { signal: abort.signal, progress })).rejects.toThrow(
      expect.objectContaining({ code: 'interrupted' }),
    );
    expect(left()).toEqual([`${digest}.part`]);
  });

  it('goes on with what a killed process left, but not with what a living one writes', async () => {
    rmSync(join(directory, 'got'), { recursive: true, force: true });
    await download(client());
    rmSync(wanted().path);
    const living = ownedPath(join(directory, 'got'), digest, 'part');
    const maxPid = 2 ** 22;
    const killed = living.replace(`of-${process.pid}-`, `of-${maxPid + 1}-`);
    writeFileSync(killed, content.subarray(0, 1000));
    writeFileSync(living, 'of someone else');
    await download(client());
    expect(server.seen.at(-1)?.headers.range).toBe('bytes=1000-');
    expect(left().sort()).toEqual([basename(living), 'file'].sort());
  });

  it('is refused when a byte is wrong, and leaves nothing', async () => {
    server.inject('big', { kind: 'flip', at: 5 });
    await expect(download(client())).rejects.toThrow(expect.objectContaining({ code: 'verification-failed' }));
    expect(left()).toEqual([]);
    expect(server.seen).toHaveLength(1);
  });

  it('is fetched as a whole when what was left of it is wrong', async () => {
    server.inject('big', { kind: 'truncate', after: 100_000 });
    await expect(download(client({ attempts: 1 }))).rejects.toThrow();
    writeFileSync(join(directory, 'got', `${digest}.part`), 'x'.repeat(100));
    await download(client());
    expect(server.seen.slice(1).map(({ status }) => status)).toEqual([206, 200]);
  });

  it('is refused before its first byte when the size is wrong', async () => {
    for (const size of [content.length - 1, content.length + 1])
      await expect(download(client(), { size })).rejects.toThrow(
        expect.objectContaining({ code: 'verification-failed' }),
      );
    expect(left()).toEqual([]);
  });

  it('needs no size, but has a limit', async () => {
    const unsized = { path: wanted().path, sha256: digest };
    await client().download(`${server.uri}/big`, unsized);
    expect(left()).toEqual(['file']);
    await expect(client().download(`${server.uri}/big`, { ...unsized, maxSize: 1000 })).rejects.toThrow(
      expect.objectContaining({ code: 'verification-failed' }),
    );
  });
});
