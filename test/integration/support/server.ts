import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';

/** One way in which a server or the network fails. */
export type Fault =
  /** The connection is cut after this many bytes of the body. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** One bit of the body is wrong. */
  | { readonly kind: 'flip'; readonly at: number }
  /** Nothing comes after this many bytes, and the connection stays open. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The whole file is sent, whatever part was asked for. */
  | { readonly kind: 'ignore-range' };

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly status: number;
}

/** Serves the files below a directory on the loopback interface: byte ranges, ETags, and faults on demand. */
export interface FileServer {
  /** Without a slash at the end. */
  readonly uri: string;
  /** Every request that came, oldest first. */
  readonly seen: SeenRequest[];
  /** The next `times` requests whose path ends with `path` meet this fault. */
  inject(path: string, fault: Fault, times?: number): void;
  close(): Promise<void>;
}

interface Planned {
  readonly path: string;
  readonly fault: Fault;
  left: number;
}

export async function serveFiles(directory: string): Promise<FileServer> {
  const seen: SeenRequest[] = [];
  const planned: Planned[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://server').pathname);
    const fault = takeFault(planned, path);
    response.on('close', () => seen.push({ path, headers: request.headers, status: response.statusCode }));
    answer(join(directory, normalize(path)), request, response, fault);
  });
  return {
    uri: await listen(server),
    seen,
    inject: (path, fault, times = 1) => planned.push({ path, fault, left: times }),
    close: () => close(server),
  };
}

/** Starts a server on a free port of the loopback interface. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}`;
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

function takeFault(planned: readonly Planned[], path: string): Fault | undefined {
  const next = planned.find((plan) => plan.left > 0 && path.endsWith(plan.path));
  if (next !== undefined) next.left--;
  return next?.fault;
}

function answer(file: string, request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  if (!existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end();
    return;
  }
  const content = readFileSync(file);
  const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`;
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  sendContent(content, etag, fault?.kind === 'ignore-range' ? undefined : request.headers.range, response, fault);
}

function sendContent(
  content: Buffer,
  etag: string,
  range: string | undefined,
  response: ServerResponse,
  fault: Fault | undefined,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (start > 0 && start >= content.length) {
    response.writeHead(416).end();
    return;
  }
  const part = Buffer.from(content.subarray(start));
  response.writeHead(start === 0 ? 200 : 206, {
    etag,
    'content-length': part.length,
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  sendBody(part, response, fault);
}

function sendBody(part: Buffer, response: ServerResponse, fault: Fault | undefined): void {
  if (fault?.kind === 'truncate') {
    response.write(part.subarray(0, fault.after), () => response.destroy());
  } else if (fault?.kind === 'stall') {
    response.write(part.subarray(0, fault.after));
  } else {
    if (fault?.kind === 'flip') part[fault.at] = (part[fault.at] ?? 0) ^ 1;
    response.end(part);
  }
}
