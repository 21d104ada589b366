import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

import { AgentError, isAgentError } from '../core/errors.ts';
import { makeDirectory, removeTree } from './files.ts';

export interface TextPage {
  /** Such as `/metrics`. */
  readonly path: string;
  readonly type: string;
  /** Where it fails with an AgentError its message is the answer. */
  text(): Promise<string>;
}

/** Who asks for more than that is cut off: connections at a time, bytes of a request, milliseconds. */
const limits = { connections: 16, request: 8192, time: 5000 } as const;

/**
 * Answers GET requests for one page on a unix socket that everyone may use, by HTTP/1.1 (RFC 9112), one on each connection.
 * That is all of it: Node's own server would take several MiB of memory for good.
 * @throws AgentError `io` where there can be no socket at this path.
 */
export async function serveText(path: string, page: TextPage): Promise<AsyncDisposable> {
  makeDirectory(dirname(path));
  removeTree(path);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    converse(socket, page);
  });
  server.maxConnections = limits.connections;
  try {
    server.listen({ path, readableAll: true, writableAll: true });
    await once(server, 'listening');
  } catch (cause) {
    throw new AgentError('io', `cannot listen at ${path}`, { cause });
  }
  return { [Symbol.asyncDispose]: () => closed(server, sockets) };
}

async function closed(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const end = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.destroy();
  await end;
}

function converse(socket: Socket, page: TextPage): void {
  let request = '';
  socket.setEncoding('latin1');
  socket.setTimeout(limits.time, () => socket.destroy());
  // Who hangs up needs no answer.
  socket.on('error', () => socket.destroy());
  const take = (piece: string) => {
    request += piece;
    if (request.length <= limits.request && !request.includes('\r\n\r\n')) return;
    socket.off('data', take);
    socket.resume();
    void answerTo(request, page).then((answer) => socket.end(answer));
  };
  socket.on('data', take);
}

/** What a server says to these first bytes of a request. */
export async function answerTo(request: string, page: TextPage): Promise<string> {
  const [, method = '', target = ''] = /^([A-Z]+) ([^ \r\n]+) HTTP\/1\.[01]\r\n/.exec(request) ?? [];
  const [path = ''] = target.split('?', 1);
  if (method === '' || !request.includes('\r\n\r\n')) return answer('400 Bad Request', 'text/plain', 'no request\n');
  if (method !== 'GET' && method !== 'HEAD') {
    return answer('405 Method Not Allowed', 'text/plain', 'only GET\n', 'Allow: GET, HEAD\r\n');
  }
  if (path !== page.path) return answer('404 Not Found', 'text/plain', `there is only ${page.path}\n`);
  const whole = await pageAnswer(page);
  return method === 'GET' ? whole : whole.slice(0, whole.indexOf('\r\n\r\n') + 4);
}

async function pageAnswer(page: TextPage): Promise<string> {
  try {
    return answer('200 OK', page.type, await page.text());
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return answer('503 Service Unavailable', 'text/plain', `${error.message}\n`);
  }
}

function answer(status: string, type: string, body: string, more = ''): string {
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${more}Connection: close\r\n\r\n${body}`;
}
