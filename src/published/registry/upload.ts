import { AgentError, isAgentError } from '../../core/errors.ts';
import { decodeJson, jsonList, jsonOptional, jsonStruct, jsonText } from '../../core/json.ts';
import { sha256 } from '../../host/digest.ts';
import { bodyOf, shown, type HttpAnswer, type HttpRequest } from '../../host/http.ts';
import { silent, type Progress } from '../../host/progress.ts';
import { retryDelay } from '../../host/retry.ts';
import { addressOf, originEndpoint, type Endpoint, type RegistryAccess } from './endpoint.ts';

/** A repository, as one who writes to it has it. */
export interface Upload {
  /** `oci://HOST/NAME` */
  readonly place: string;
  /**
   * Sends a blob, unless it is there.
   * @returns how it came to be there.
   * @throws AgentError `network`, `interrupted`, `io` and the like for a file that cannot be read.
   */
  blob(blob: UploadedBlob, options?: UploadOptions): Promise<'sent' | 'mounted' | 'there'>;
  /**
   * Sends a manifest under its digest, or under a tag.
   * @returns its digest.
   */
  manifest(document: string, mediaType: string, tag?: string, signal?: AbortSignal): Promise<string>;
  /** Removes a manifest, or a tag where the registry can. Blobs go when the registry cleans up. */
  remove(reference: string, signal?: AbortSignal): Promise<void>;
}

export interface UploadedBlob {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  /** A file, or bytes in memory. */
  readonly content: string | Uint8Array;
}

export interface UploadOptions {
  /** Another repository of the same registry that may have it: then nothing is sent. */
  readonly from?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** In bytes: larger files are sent in such pieces, so that what breaks off need not begin anew; 64 MiB. */
  readonly chunkSize?: number;
}

/** @param registry `HOST[:PORT]` */
export function openUpload(access: RegistryAccess, registry: string, repository: string): Upload {
  const endpoint = originEndpoint(access, registry, repository);
  return {
    place: `oci://${registry}/${repository}`,
    blob: (blob, options = {}) => uploadBlob(endpoint, blob, options),
    manifest: async (document, mediaType, tag, signal) => {
      const digest = `sha256:${sha256(document)}`;
      const url = addressOf(endpoint, `manifests/${tag ?? digest}`);
      const request = { method: 'PUT', headers: { 'content-type': mediaType }, body: document };
      await expectStatus(endpoint, await send(endpoint, url, request, signal), 201);
      return digest;
    },
    remove: async (reference, signal) => {
      const url = addressOf(endpoint, `manifests/${reference}`);
      await expectStatus(endpoint, await send(endpoint, url, { method: 'DELETE' }, signal), 202, 404);
    },
  };
}

function send(
  { http }: Endpoint,
  url: string,
  request: HttpRequest,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer> {
  return http.request(url, { ...request, ...(signal === undefined ? {} : { signal }) });
}

async function uploadBlob(
  endpoint: Endpoint,
  blob: UploadedBlob,
  options: UploadOptions,
): Promise<'sent' | 'mounted' | 'there'> {
  const { progress = silent, signal } = options;
  progress.expect(blob.size);
  const head = await send(endpoint, addressOf(endpoint, `blobs/sha256:${blob.sha256}`), { method: 'HEAD' }, signal);
  head.body.destroy();
  if (head.status === 200) {
    progress.found(blob.size);
    return 'there';
  }
  const begun = await begin(endpoint, blob, options);
  if (begun === 'mounted') {
    progress.found(blob.size);
    return begun;
  }
  const place = await sendPieces(endpoint, begun, blob, options);
  await finish(endpoint, place, blob, options);
  return 'sent';
}

/** Asks for an upload, or for the blob of another repository: a registry that does not have that begins an upload. */
async function begin(
  endpoint: Endpoint,
  { sha256: digest }: UploadedBlob,
  { from, signal }: UploadOptions,
): Promise<'mounted' | URL> {
  const query = from === undefined ? '' : `?mount=sha256:${digest}&from=${encodeURIComponent(from)}`;
  const url = addressOf(endpoint, `blobs/uploads/${query}`);
  const answer = await send(endpoint, url, { method: 'POST', headers: { 'content-length': '0' } }, signal);
  await expectStatus(endpoint, answer, 202, ...(from === undefined ? [] : [201]));
  return answer.status === 201 ? 'mounted' : placeIn(endpoint, answer);
}

/**
 * Where an upload goes on.
 * @throws AgentError `network` for no address, or one that gives up encryption.
 */
function placeIn({ origin }: Endpoint, { headers, url }: HttpAnswer): URL {
  const { location } = headers;
  const place = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  const isFit = place !== undefined && (place.origin === origin || place.protocol === 'https:');
  if (isFit) return place;
  throw new AgentError('network', `${shown(url)} does not say where to send the image`);
}

const usualChunk = 64 * 1024 * 1024;

/** Sends all but the last piece of what is too large for one; the last one goes with the end. */
async function sendPieces(
  endpoint: Endpoint,
  place: URL,
  { size, content }: UploadedBlob,
  { chunkSize = usualChunk, progress = silent, signal }: UploadOptions,
): Promise<URL> {
  if (size <= chunkSize) return place;
  let [here, offset, failures] = [place, 0, 0];
  while (offset < size) {
    const range = { offset, length: Math.min(chunkSize, size - offset) };
    try {
      here = await sendPiece(endpoint, here, content, range, signal);
      [offset, failures] = [offset + range.length, 0];
      progress.advance(range.length);
    } catch (error) {
      if (!isAgentError(error, 'network') || error.details.retryable !== true || ++failures === mostFailures)
        throw error;
      await endpoint.clock.sleep(retryDelay(failures, Math.random()), signal);
      ({ here, offset } = await whereItStands(endpoint, here, signal));
    }
  }
  return here;
}

const mostFailures = 4;

async function sendPiece(
  endpoint: Endpoint,
  place: URL,
  content: UploadedBlob['content'],
  { offset, length }: { readonly offset: number; readonly length: number },
  signal: AbortSignal | undefined,
): Promise<URL> {
  const range = `${offset}-${offset + length - 1}`;
  const headers = { 'content-type': 'application/octet-stream', 'content-range': range };
  const request = { method: 'PATCH', headers, body: partOf(content, offset, length) };
  const answer = await send(endpoint, place.href, request, signal);
  await expectStatus(endpoint, answer, 202, 204);
  return placeIn(endpoint, answer);
}

/** Asks how much of an upload arrived. */
async function whereItStands(
  endpoint: Endpoint,
  place: URL,
  signal: AbortSignal | undefined,
): Promise<{ readonly here: URL; readonly offset: number }> {
  const answer = await send(endpoint, place.href, {}, signal);
  await expectStatus(endpoint, answer, 204);
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.range ?? '')?.[1];
  // `0-0` stands for one byte, and in older registries for none.
  return { here: placeIn(endpoint, answer), offset: last === undefined || last === '0' ? 0 : Number(last) + 1 };
}

async function finish(
  endpoint: Endpoint,
  place: URL,
  { size, content, sha256: digest }: UploadedBlob,
  { chunkSize = usualChunk, progress = silent, signal }: UploadOptions,
): Promise<void> {
  place.searchParams.set('digest', `sha256:${digest}`);
  const isWhole = size <= chunkSize;
  const body = isWhole ? partOf(content, 0, size) : new Uint8Array();
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(isWhole ? size : 0) };
  const answer = await send(endpoint, place.href, { method: 'PUT', headers, body }, signal);
  await expectStatus(endpoint, answer, 201, 204);
  if (isWhole) progress.advance(size);
}

function partOf(content: string | Uint8Array, offset: number, length: number): NonNullable<HttpRequest['body']> {
  return typeof content === 'string' ? { path: content, offset, length } : content.subarray(offset, offset + length);
}

const errorAnswer = jsonStruct({
  errors: jsonOptional(
    jsonList(jsonStruct({ code: jsonOptional(jsonText(255), ''), message: jsonOptional(jsonText(1000), '') }), 100),
    [],
  ),
});

/** @throws AgentError `network` for another status, with what the registry says of it. */
async function expectStatus(endpoint: Endpoint, answer: HttpAnswer, ...accepted: readonly number[]): Promise<void> {
  if (accepted.includes(answer.status)) {
    answer.body.resume();
    return;
  }
  const { clock, origin, repository } = endpoint;
  const body = await bodyOf(answer, { maxSize: 64 * 1024, clock }).catch(() => Buffer.alloc(0));
  const decoded = decodeJson(body.toString('utf8'), errorAnswer);
  const said = 'value' in decoded ? decoded.value.errors.map(({ code, message }) => `${code}: ${message}`) : [];
  throw new AgentError('network', `${new URL(origin).host} does not take what is sent to ${repository}`, {
    facts: [`it answered ${answer.status}`, ...said],
    next: 'Try again; where it goes on, ask those who run the registry.',
  });
}
