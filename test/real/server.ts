import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { execa } from 'execa';

export interface SourceServer extends AsyncDisposable {
  readonly url: string;
  /** Has a file from now on: `/hello.tar.gz`. */
  put(path: string, bytes: Buffer): void;
}

/**
 * Serves files on loopback, and below `/npm/` what the registry of this host's npm has, with the addresses of the archives
 * changed to its own.
 */
export async function startSourceServer(): Promise<SourceServer> {
  const files = new Map<string, Buffer>();
  const { stdout: registry } = await execa('npm', ['config', 'get', 'registry']);
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const bytes = files.get(path);
    const answer =
      bytes !== undefined ? Promise.resolve(bytes) : path.startsWith('/npm/') ? ofRegistry(path) : undefined;
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    answer.then(
      (body) => response.writeHead(200, { 'content-length': body.length, ...typeOf(path) }).end(body),
      (error: unknown) => response.writeHead(502).end(String(error)),
    );
  });
  const ofRegistry = async (path: string) => {
    const answer = await fetch(new URL(path.slice('/npm/'.length), registry.endsWith('/') ? registry : `${registry}/`));
    const body = Buffer.from(await answer.arrayBuffer());
    if (path.endsWith('.tgz')) return body;
    return Buffer.from(
      body.toString().replaceAll(/"tarball":"https?:\/\/[^/"]+\/([^"]*)"/g, `"tarball":"${url}/npm/$1"`),
    );
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    put: (path, bytes) => void files.set(path, bytes),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** pip reads no page without its type. */
function typeOf(path: string): Readonly<Record<string, string>> {
  return path.startsWith('/simple/') ? { 'content-type': 'text/html' } : {};
}
