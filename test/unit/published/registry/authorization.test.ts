import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { afterEach, expect, test } from 'vitest';

import { systemClock } from '../../../../src/host/clock.ts';
import { openRepository } from '../../../../src/published/registry/repository.ts';
import { openUpload } from '../../../../src/published/registry/upload.ts';
import { close, listen } from '../../../integration/support/server.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
}

async function serve(handle: (path: string, request: IncomingMessage, response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const path = `${request.method ?? ''} ${decodeURIComponent(request.url ?? '')}`;
    seen.push({ path, authorization: request.headers.authorization });
    handle(request.url ?? '', request, response);
  });
  const url = await listen(server);
  stops.push(() => close(server));
  return { url, host: new URL(url).host, seen };
}

/** A registry that wants tokens of another server, and sends blobs from a third. */
async function tokenRegistry(expiresIn: number) {
  const store = await serve((_, __, response) => response.end('blob'));
  const tokens = await serve((_, __, response) =>
    response.end(JSON.stringify({ token: 'abc', expires_in: expiresIn })),
  );
  const registry = await serve((path, { headers, method }, response) => {
    const isKnown = headers.authorization === 'Bearer abc';
    if (!isKnown) response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}/t",service="s"` }).end();
    else if (method !== 'GET') response.writeHead(method === 'POST' ? 201 : 404).end();
    else if (path.includes('/blobs/')) response.writeHead(307, { location: `${store.url}/blob?key=1` }).end();
    else response.end(JSON.stringify({ tags: ['1.7'] }));
  });
  const access = {
    registries: new Map([[registry.host, { mirrors: [], plainHttp: true }]]),
    credentials: () => ({ kind: 'password' as const, user: 'me', password: 'secret' }),
    env: {},
    clock: systemClock,
  };
  return { store, tokens, registry, access };
}

const blob = { digest: 'sha256:fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8', size: 4 };

test('a password goes to the server of tokens alone, a token to the registry alone, and is kept', async () => {
  const { store, tokens, registry, access } = await tokenRegistry(300);
  const repository = openRepository(access, registry.host, 'tools/jq');
  expect(await repository.tags()).toEqual(['1.7']);
  await repository.blob(blob, 100);
  await repository.tags();
  expect(tokens.seen).toEqual([
    { path: 'GET /t?service=s&scope=repository:tools/jq:pull', authorization: `Basic ${btoa('me:secret')}` },
  ]);
  expect(registry.seen.map(({ authorization }) => authorization)).toEqual([
    undefined,
    ...Array<string>(3).fill('Bearer abc'),
  ]);
  expect(store.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test('a token that ends soon is not used again', async () => {
  const { tokens, registry, access } = await tokenRegistry(1);
  const repository = openRepository(access, registry.host, 'tools/jq');
  await repository.tags();
  await repository.tags();
  expect(tokens.seen).toHaveLength(2);
});

test('to write, and to take from another repository, another token is asked for', async () => {
  const { tokens, registry, access } = await tokenRegistry(300);
  const upload = openUpload(access, registry.host, 'tools/jq');
  const some = { sha256: '0'.repeat(64), size: 1, content: Buffer.from('x') };
  expect(await upload.blob(some, { from: 'other' })).toBe('mounted');
  expect(tokens.seen.map(({ path }) => path)).toEqual([
    'GET /t?service=s&scope=repository:tools/jq:pull',
    'GET /t?service=s&scope=repository:tools/jq:pull,push&scope=repository:other:pull',
  ]);
});
