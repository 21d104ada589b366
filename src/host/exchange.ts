import { createReadStream } from 'node:fs';
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { AgentError, messageOf } from '../core/errors.ts';
import { pieceSize, type Range } from './content.ts';
import { fileError } from './files.ts';

/** One request over HTTP as we send it. */
export interface HttpRequest {
  /** `GET` where nothing is said. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A part of a file is read while it is sent. */
  readonly body?: string | Uint8Array | Range;
  readonly signal?: AbortSignal;
  /** Takes 429 and 5xx as answers too, where the protocol says something with them. */
  readonly anyStatus?: boolean;
}

/** What came back, whatever its status; the body is read by iterating over it, or discarded with `destroy()`. */
export interface HttpAnswer {
  /** The address that answered in the end, fit to be shown. */
  readonly url: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

/** How connections are made: proxies as the environment names them, and how long a silent peer is waited for. */
export interface Transport {
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds without a byte, while connecting as well as later, after which a server counts as gone. */
  readonly idleTimeout: number;
  /** Certificates (PEM) of authorities that are accepted besides the usual ones. */
  readonly certificates?: string;
  /** The agents that keep connections open, made when the first request needs them. */
  readonly agents: Map<string, Agent>;
}

const maxRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Sends one request and follows redirects of GET and HEAD.
 * @throws AgentError `network` (retryable where it may pass), `interrupted`, `usage` for what is no http address.
 */
export async function exchange(transport: Transport, address: string, request: HttpRequest): Promise<HttpAnswer> {
  const first = parseAddress(address);
  let url = first;
  for (let hops = 0; ; hops++) {
    const message = await send(transport, url, headersFor(first, url, request), request);
    const location = followable(request) ? redirectOf(message) : undefined;
    if (location === undefined)
      return { url: shown(url.href), status: message.statusCode ?? 0, headers: message.headers, body: message };
    message.destroy();
    if (hops === maxRedirects) throw new AgentError('network', `${shown(address)} redirects too many times`);
    url = redirected(first, url, location);
  }
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new AgentError('usage', `${shown(address)} is not an http or https address`);
}

function followable({ method = 'GET' }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function redirectOf(message: IncomingMessage): string | undefined {
  return redirects.has(message.statusCode ?? 0) ? message.headers.location : undefined;
}

/**
 * Where a redirect leads. Credentials stay with the origin they were given for; those in the redirect are dropped.
 * @throws AgentError `network` for a redirect that gives up encryption or leads out of HTTP.
 */
export function redirected(first: URL, from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw badRedirect(from, 'to what is no address');
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw badRedirect(from, `to ${to.protocol}`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw badRedirect(from, 'from https to http');
  // A server on the network must not have us ask services that trust whoever is on this host, or its cloud's.
  if (isLocal(to) && !isLocal(first)) throw badRedirect(from, 'to this host itself or its link');
  const ours = to.origin === first.origin;
  to.username = ours ? first.username : '';
  to.password = ours ? first.password : '';
  return to;
}

/** Whether an address is that of this host, or of what is on its link alone. */
export function isLocal({ hostname }: Pick<URL, 'hostname'>): boolean {
  return /^(localhost|.*\.localhost|127\.[\d.]+|0\.[\d.]+|169\.254\.[\d.]+)\.?$|^\[(::|::1|fe[89ab].*|::ffff:(7f|0:|a9fe).*)\]$/.test(
    hostname,
  );
}

function badRedirect(from: URL, how: string): AgentError {
  return new AgentError('network', `${shown(from.href)} redirects ${how}, which is not followed`);
}

const secretHeaders: ReadonlySet<string> = new Set(['authorization', 'cookie']);

function headersFor(first: URL, url: URL, { headers = {} }: HttpRequest): Record<string, string> {
  const all = Object.entries({ 'user-agent': 'sysext-agent', accept: '*/*', ...headers });
  const kept = url.origin === first.origin ? all : all.filter(([name]) => !secretHeaders.has(name.toLowerCase()));
  return Object.fromEntries(kept);
}

async function send(
  transport: Transport,
  url: URL,
  headers: Record<string, string>,
  request: HttpRequest,
): Promise<IncomingMessage> {
  // Loading these modules costs more than starting Node: a run that needs no network does without.
  const http = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const accepted = await certificatesOf(transport);
  const agent = agentFor(transport, url.protocol, (options) => new http.Agent({ ...options, ...accepted }));
  const options = {
    method: request.method ?? 'GET',
    headers: { ...headers, ...lengthOf(request.body) },
    agent,
    timeout: transport.idleTimeout,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  try {
    return await answered(http.request(url, options), request.body, transport.idleTimeout);
  } catch (error) {
    throw networkError(error, url.href, request.signal);
  }
}

/** What is accepted beside the certificates that come with Node; nothing where there is no more than these. */
async function certificatesOf({ certificates }: Transport): Promise<{ ca?: string[] }> {
  if (certificates === undefined) return {};
  const { rootCertificates } = await import('node:tls');
  return { ca: [...rootCertificates, certificates] };
}

/** A file is sent piece by piece: the server is told beforehand how much it will be. */
function lengthOf(body: HttpRequest['body']): Record<string, string> {
  return isRange(body) ? { 'content-length': String(body.length) } : {};
}

function isRange(body: HttpRequest['body']): body is Range {
  return typeof body === 'object' && 'path' in body;
}

interface AgentOptions {
  readonly keepAlive: boolean;
  readonly proxyEnv: NodeJS.ProcessEnv;
}

function agentFor(transport: Transport, protocol: string, create: (options: AgentOptions) => Agent): Agent {
  const agent = transport.agents.get(protocol) ?? create({ keepAlive: true, proxyEnv: transport.env });
  transport.agents.set(protocol, agent);
  return agent;
}

/**
 * Resolves when the headers are here; a peer that falls silent ends the request, or later the reading of the body. So does
 * one that sends its headers too slowly, though it is never silent.
 */
function answered(request: ClientRequest, body: HttpRequest['body'], patience: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let message: IncomingMessage | undefined;
    let timer: NodeJS.Timeout | undefined;
    request.on('finish', () => {
      if (message !== undefined) return;
      timer = setTimeout(() => request.destroy(new Error('the server does not answer')), 2 * patience);
    });
    request.on('close', () => {
      clearTimeout(timer);
    });
    request.on('timeout', () => (message ?? request).destroy(new Error('the server fell silent')));
    request.on('error', reject);
    request.on('response', (response) => {
      message = response;
      clearTimeout(timer);
      resolve(response);
    });
    if (isRange(body) && body.length > 0) sendRange(request, body);
    else request.end(isRange(body) ? undefined : body);
  });
}

function sendRange(request: ClientRequest, { path, offset, length }: Range): void {
  const file = createReadStream(path, { start: offset, end: offset + length - 1, highWaterMark: pieceSize });
  file.on('error', (error) => request.destroy(fileError(error, 'read', path)));
  request.on('close', () => file.destroy());
  file.pipe(request);
}

const reasons: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the name of the server cannot be resolved now',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed early',
  EHOSTUNREACH: 'no route to the server',
  ENETUNREACH: 'the network is unreachable',
  ENOTFOUND: 'there is no server of that name',
  EPIPE: 'the connection was closed early',
  ETIMEDOUT: 'the server does not answer',
};

/** Failures that a second attempt would only repeat: names that do not exist, certificates that are not accepted. */
const lasting = /^(?:ENOTFOUND|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|(?:DEPTH_ZERO_)?SELF_SIGNED|ERR_INVALID)/;

/** Gives a failed transfer our words; an AgentError stays what it is. */
export function networkError(error: unknown, url: string, signal: AbortSignal | undefined): AgentError {
  if (error instanceof AgentError) return error;
  if (signal?.aborted === true)
    return new AgentError('interrupted', `the transfer of ${shown(url)} was interrupted`, { cause: error });
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new AgentError('network', `cannot fetch ${shown(url)}: ${reasons[code] ?? messageOf(error)}`, {
    cause: error,
    retryable: !lasting.test(code),
    next: 'Check the address, the network and the proxy settings (http_proxy, https_proxy, no_proxy), then try again.',
  });
}

/** That a server answered with a status that is of no use, and will again. */
export class StatusError extends AgentError {
  readonly status: number;

  constructor(message: string, status: number) {
    const denied = status === 401 || status === 403 || status === 407;
    super('network', message, {
      ...(denied ? { next: 'Check who may read it there. Some servers say so of what they do not have as well.' } : {}),
    });
    this.status = status;
  }
}

/**
 * Lets an answer with one of these statuses pass.
 * @throws AgentError `no-such-file` for 404 and 410, `network` (a StatusError) for every other status.
 */
export function requireStatus(answer: HttpAnswer, ...accepted: readonly number[]): void {
  const { status, url } = answer;
  if (accepted.includes(status)) return;
  answer.body.destroy();
  if (status === 404 || status === 410)
    throw new AgentError('no-such-file', `the server has no ${url} (it answered ${status})`);
  throw new StatusError(`cannot fetch ${url}: the server answered ${status}`, status);
}

/** An address without what may be secret in it: user, password, query. */
export function shown(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1').replace(/[?#].*$/s, '');
}
