import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { isAgentError } from '../../src/core/errors.ts';
import { parseImageReference, withDetails } from '../../src/core/image-reference.ts';
import { systemClock, type Clock } from '../../src/host/clock.ts';
import { copyKnown } from '../../src/host/copy-known.ts';
import { createWebPublisher } from '../../src/published/web/publisher.ts';
import { waitFor } from '../lab/wait.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { startNginx, type Nginx } from './support/nginx.ts';
import { close, listen } from './support/server.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

let nginx: Nginx;
let proxy: CountingProxy;
let work: ReturnType<typeof temporaryDirectory>;

beforeAll(async () => {
  work = temporaryDirectory();
  nginx = await startNginx();
  proxy = await countingProxy(Number(new URL(nginx.http).port));
  mkdirSync(work.at('root/etc/sysext-agent'), { recursive: true });
  writeFileSync(work.at('root/etc/os-release'), 'ID=scratch\nVERSION_ID=1\n');
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

beforeEach(() => {
  rmSync(work.at('out'), { recursive: true, force: true });
});

/** Lets the agent take unsigned images of a server on the loopback interface. */
function trust(address: string): void {
  const { host } = new URL(address);
  const text = `web_servers: {"${host}": {plain_http: true}}\ntrust: [{place: "http://${host}", unsigned: allowed}]\n`;
  writeFileSync(work.at('root/etc/sysext-agent/agent.yml'), text);
}

function publish(files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(nginx.files, name), bytes);
  const lines = Object.entries(files).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
  writeFileSync(join(nginx.files, 'SHA256SUMS'), lines.join(''));
}

/** Runs `sysext-agent pull REF` while this process goes on. */
function pulling(ref: string, ...more: readonly string[]) {
  const args = ['pull', ref, `--root=${work.at('root')}`, `--output=${work.at('out')}`, '--json=short', ...more];
  const child = spawn(program, args, { env: { PATH: process.env['PATH'] ?? '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  return once(child, 'close').then(([status]) => ({ status: status as number, stdout, stderr }));
}

const arrived = () => {
  const [part] = existsSync(work.at('out')) ? readdirSync(work.at('out')).filter((name) => name.endsWith('.part')) : [];
  return part === undefined ? 0 : statSync(join(work.at('out'), part)).size;
};

describe('pull', () => {
  test('goes on where it was when the server is killed half-way: no byte is sent twice', async () => {
    const image = randomBytes(8 * 1024 ** 2);
    publish({ 'big-1.raw': image, 'big-2.raw': randomBytes(1000) });
    trust(proxy.http);
    proxy.reset(2 * 1024 ** 2);

    const pulled = pulling(`${proxy.http}/`, '--name=big', '--range=<2', '--match=big-@v.raw');
    await waitFor('half of the image', () => Promise.resolve(arrived() > image.length / 2 || undefined));
    await nginx.kill();
    proxy.reset();
    await nginx.start();

    const { status, stdout, stderr } = await pulled;
    expect([status, stderr]).toEqual([0, '']);
    const { path } = JSON.parse(stdout) as { path: string };
    expect([path, readFileSync(path).equals(image)]).toEqual([work.at('out/big_1.raw'), true]);
    expect(readdirSync(work.at('out'))).toEqual(['big_1.raw']);
    // Two answers with the image, one with the list, and what heads them.
    expect(proxy.sent() - image.length).toBeLessThan(4096);
    expect(proxy.sent()).toBeGreaterThan(image.length);
  });
});

/** Hours pass while a byte comes. */
const hurried: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 1000 };

interface Asked {
  readonly match?: readonly string[];
  readonly clock?: Clock;
  readonly idleTimeout?: number;
}

/** What comes of asking a server for its newest image; the message where it is refused. */
async function asked(uri: string, { match, clock = systemClock, idleTimeout = 5000 }: Asked = {}): Promise<string> {
  const parsed = parseImageReference(`${uri}/`);
  const reference = 'value' in parsed ? withDetails(parsed.value, { match }) : parsed;
  if (!('value' in reference) || reference.value.kind === 'oci') throw new Error('no reference');
  const publisher = createWebPublisher({
    reference: reference.value,
    root: '/',
    name: 'jq',
    host: { release: { ID: 'fedora' }, kernel: '6.12.0', architecture: 'x86-64' },
    trust: { rules: [{ place: uri, names: ['*'], keys: undefined }], keys: new Map(), clock: systemClock },
    http: { env: {}, clock, attempts: 1, idleTimeout },
    servers: new Map([[new URL(uri).host, { plainHttp: true }]]),
  });
  try {
    const [version] = await publisher.versions();
    const described = await publisher.describe(version!);
    if (described.kind === 'passed-over') return described.reason;
    const { offer } = described;
    const { sha256: digest } = await publisher.vouch(offer);
    const { size } = offer.blob;
    const wanted = { path: work.at('out/jq'), sha256: digest, maxSize: 1024 ** 2 };
    await publisher.fetch(offer, size === undefined ? wanted : { ...wanted, size });
    return 'fetched';
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return `${error.code}: ${[error.message, ...(error.details.facts ?? [])].join('; ')}`;
  }
}

/** A server that has a list of `jq-1.raw` with the digest of `right`, and answers for one file by a script. */
async function scripted(file: string, script: (response: ServerResponse) => void, name = 'jq-1.raw') {
  const server = createHttpServer((request, response) => {
    if (request.url === `/${file}`) script(response);
    else if (request.url === '/SHA256SUMS') response.end(`${sha256('right')}  ${name}\n`);
    else response.writeHead(404).end();
  });
  const uri = await listen(server);
  return { uri, [Symbol.asyncDispose]: () => close(server) };
}

/** Does something from time to time, as long as somebody listens. */
function every(milliseconds: number, response: ServerResponse, work: () => void): void {
  const timer = setInterval(work, milliseconds);
  response.on('close', () => {
    clearInterval(timer);
  });
}

/** Writes the same again and again, as fast as it is read. */
function endlessly(response: ServerResponse, piece: Buffer): void {
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}

describe('a server', () => {
  const noise = Buffer.alloc(65_536, 'x');

  test.each(['SHA256SUMS', 'jq-1.raw'])('that gives a byte of %s now and then is not waited for', async (file) => {
    await using server = await scripted(file, (response) => {
      every(20, response, () => response.write('x'));
    });
    expect(await asked(server.uri, { clock: hurried })).toMatch(
      /^network: .*\/(SHA256SUMS|jq-1\.raw) comes too slowly/,
    );
  });

  test('that gives a byte of its headers now and then is not either', async () => {
    await using server = await scripted('jq-1.raw', (response) => {
      response.socket?.write('HTTP/1.1 200 OK\r\nX-More: ');
      every(20, response, () => response.socket?.write('x'));
    });
    expect(await asked(server.uri, { idleTimeout: 200 })).toMatch(
      /^network: cannot fetch .*the server does not answer/,
    );
  });

  test.each([
    ['SHA256SUMS', /^network: .* is larger than the 4194304 bytes allowed/],
    ['jq-1.raw', /^verification-failed: .*expected: at most 1048576 bytes; found: {4}more/],
  ])('that sends %s without end is cut off', async (file, message) => {
    await using server = await scripted(file, (response) => {
      endlessly(response, noise);
    });
    expect(await asked(server.uri)).toMatch(message);
  });

  test('that announces a wrong length, or sends another, gives nothing', async () => {
    const sized = ['jq-@v-@s.raw'];
    const name = 'jq-1-5.raw';
    const sending = async (length: number, bytes: string) => {
      await using server = await scripted(
        name,
        (response) => {
          response.writeHead(200, { 'content-length': length });
          response.write(bytes, () => response.destroy());
        },
        name,
      );
      return await asked(server.uri, { match: sized });
    };
    expect(await sending(6, 'right!')).toContain('expected: 5 bytes; found:    6 bytes');
    expect(await sending(1e15, 'right')).toContain('expected: 5 bytes; found:    1000000000000000 bytes');
    expect(await sending(5, 'righ')).toMatch(/^network: /);
    expect(await sending(5, 'wrong')).toContain('is not the file that was promised; expected: sha256');
    expect(await sending(5, 'right')).toBe('fetched');
  });
});

test('a file of this host must not be larger than is taken, either', async () => {
  writeFileSync(work.at('file'), 'right');
  const wanted = { path: work.at('out/copy'), sha256: sha256('right') };

  for (const limit of [{ maxSize: 4 }, { size: 4 }, { size: 6 }])
    await expect(copyKnown(work.at('file'), { ...wanted, ...limit })).rejects.toThrow(
      expect.objectContaining({ code: 'verification-failed' }),
    );
  expect(existsSync(work.at('out'))).toBe(false);
  await copyKnown(work.at('file'), { ...wanted, size: 5, maxSize: 5 });
  expect(readFileSync(wanted.path, 'utf8')).toBe('right');
});

interface CountingProxy extends AsyncDisposable {
  readonly http: string;
  /** How many bytes went from the server to who asked. */
  sent(): number;
  /** From now on at most so many bytes go in a second. */
  reset(rate?: number): void;
}

/** Stands between the agent and a server, and counts what that sends. */
async function countingProxy(port: number): Promise<CountingProxy> {
  let [sent, rate] = [0, Infinity];
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.add(client);
    client.pipe(upstream);
    upstream.on('data', (piece) => {
      sent += piece.length;
      client.write(piece);
      if (rate === Infinity) return;
      upstream.pause();
      setTimeout(() => upstream.resume(), (piece.length * 1000) / rate);
    });
    upstream.on('close', () => client.end());
    client.on('close', () => {
      sockets.delete(client);
      upstream.destroy();
    });
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    http: `http://127.0.0.1:${address.port}`,
    sent: () => sent,
    reset: (to = Infinity) => {
      rate = to;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
