import { AgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';
import { download, type DownloadOptions, type HashedFile, type WantedFile } from './download.ts';
import {
  exchange,
  networkError,
  requireStatus,
  type HttpAnswer,
  type HttpRequest,
  type Transport,
} from './exchange.ts';
import { paceKeeper } from './pace.ts';
import { BusyServerError, parseRetryAfter, retrying, type RetryPolicy } from './retry.ts';

export type { DownloadOptions, FileHash, HashedFile, WantedFile } from './download.ts';
export { requireStatus, shown, StatusError, type HttpAnswer, type HttpRequest } from './exchange.ts';

/** What a server said about the version of a document, to ask later whether there is a newer one. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface GetOptions {
  /** The largest body that is taken, in bytes. */
  readonly maxSize: number;
  /** Of the version we have: the answer then may be that it is still the newest. */
  readonly validators?: Validators;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export type Document =
  | { readonly kind: 'not-modified' }
  | {
      readonly kind: 'content';
      readonly body: Buffer;
      readonly validators: Validators;
      readonly headers: HttpAnswer['headers'];
    };

/** The client side of HTTP. Proxies come from the environment; credentials in an address never show in messages. */
export interface Http {
  /**
   * Sends one request, again where the failure may pass (only GET and HEAD), and returns the answer, whatever its
   * status: except 429 and 5xx, which are failures once the attempts are used up, unless it wants those too.
   * @throws AgentError `network`, `interrupted`
   */
  request(url: string, request?: HttpRequest): Promise<HttpAnswer>;
  /**
   * Fetches a small document into memory.
   * @throws AgentError `network`, `no-such-file` where the server has none, `interrupted`
   */
  get(url: string, options: GetOptions): Promise<Document>;
  /**
   * Fetches a file that must have a known hash. What arrives goes to a `.part` file beside it, from which a later
   * call goes on; only a complete and verified file gets the final name.
   * @throws AgentError `network`, `no-such-file`, `verification-failed`, `disk-full`, `interrupted`
   */
  download(url: string, file: WantedFile | HashedFile, options?: DownloadOptions): Promise<void>;
}

export interface HttpSettings {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Milliseconds of silence after which a server counts as gone; 30 s. */
  readonly idleTimeout?: number;
  /** How many times a failed transfer is tried at most; 4. */
  readonly attempts?: number;
  /** Certificates (PEM) of authorities that are accepted besides the usual ones. */
  readonly certificates?: string;
  /** Stands around the sending of each single request: for what a server wants to be told first, such as who asks. */
  readonly around?: (send: Send) => Send;
}

/** Sends one request, once. */
export type Send = (url: string, request?: HttpRequest) => Promise<HttpAnswer>;

export function createHttp(settings: HttpSettings): Http {
  const { env, clock, idleTimeout = 30_000, attempts = 4, certificates, around = (send: Send) => send } = settings;
  const trusted = certificates === undefined ? {} : { certificates };
  const transport: Transport = { env, idleTimeout, agents: new Map(), ...trusted };
  const policy: RetryPolicy = { clock, attempts, random: Math.random };
  const single = around((url, request = {}) => exchange(transport, url, request));
  const send: Send = async (url, request = {}) => {
    const answer = await single(url, request);
    return request.anyStatus === true ? answer : refuseBusy(answer, clock);
  };
  return {
    request: (url, request = {}) =>
      retrying(repeatable(request) ? policy : once(policy), () => send(url, request), request.signal),
    get: (url, options) => retrying(policy, () => get(send, url, { ...options, clock }), options.signal),
    download: (url, file, options = {}) => download({ send, policy }, url, file, options),
  };
}

function repeatable({ method = 'GET' }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function once(policy: RetryPolicy): RetryPolicy {
  return { ...policy, attempts: 1 };
}

function refuseBusy(answer: HttpAnswer, clock: Clock): HttpAnswer {
  if (answer.status !== 429 && answer.status < 500) return answer;
  answer.body.destroy();
  const retryAfter = parseRetryAfter(answer.headers['retry-after'], clock.now());
  throw new BusyServerError(`cannot fetch ${answer.url}: the server answered ${answer.status}`, retryAfter);
}

async function get(send: Send, url: string, options: GetOptions & BodyOptions): Promise<Document> {
  const { signal, validators = {}, headers = {} } = options;
  const request = { headers: { ...headers, ...conditions(validators) }, ...(signal === undefined ? {} : { signal }) };
  const answer = await send(url, request);
  if (answer.status === 304) {
    answer.body.resume();
    return { kind: 'not-modified' };
  }
  requireStatus(answer, 200);
  const body = await bodyOf(answer, options);
  return { kind: 'content', body, validators: validatorsOf(answer), headers: answer.headers };
}

function conditions({ etag, lastModified }: Validators): Record<string, string> {
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified }),
  };
}

function validatorsOf({ headers }: HttpAnswer): Validators {
  const { etag, 'last-modified': lastModified } = headers;
  return { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) };
}

/** How a body is read. */
export interface BodyOptions {
  /** The most that is taken, in bytes. */
  readonly maxSize: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/**
 * The whole body of an answer.
 * @throws AgentError `network` where it is larger than `maxSize` bytes, breaks off or comes too slowly, `interrupted`
 */
export async function bodyOf(answer: HttpAnswer, { maxSize, clock, signal }: BodyOptions): Promise<Buffer> {
  const keepPace = paceKeeper(clock, answer.url);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      size += piece.length;
      keepPace(piece.length);
      if (size > maxSize) throw new AgentError('network', `${answer.url} is larger than the ${maxSize} bytes allowed`);
      pieces.push(piece);
    }
  } catch (error) {
    throw networkError(error, answer.url, signal);
  }
  return Buffer.concat(pieces);
}
