import { AgentError, isAgentError } from '../../core/errors.ts';
import { decodeJson, jsonList, jsonOptional, jsonStruct, jsonText } from '../../core/json.ts';
import { sha256 } from '../../host/digest.ts';
import { shown, StatusError, type DownloadOptions, type WantedFile } from '../../host/http.ts';
import { silent, type Progress } from '../../host/progress.ts';
import { addressOf, endpointsOf, type Endpoint, type RegistryAccess } from './endpoint.ts';
import {
  acceptedTypes,
  decodeManifest,
  indexType,
  largestManifest,
  sha256Of,
  type Descriptor,
  type Index,
  type Manifest,
} from './manifest.ts';

/** A repository of a registry, as one who reads it has it: mirrors are asked first. */
export interface Repository {
  /** `oci://HOST/NAME` */
  readonly place: string;
  /**
   * All tags, in no order.
   * @throws AgentError `network`, `no-such-file`, `interrupted`
   */
  tags(signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * A manifest or an index by its tag or its digest; what comes for a digest is what the digest is of.
   * @throws AgentError `network`, `no-such-file`, `verification-failed`, `interrupted`
   */
  manifest(reference: string, signal?: AbortSignal): Promise<Fetched>;
  /**
   * A small blob, verified.
   * @param maxSize in bytes.
   * @throws AgentError as manifest().
   */
  blob(blob: Pick<Descriptor, 'digest' | 'size'>, maxSize: number, signal?: AbortSignal): Promise<Buffer>;
  /** Fetches a blob to a file, as `Http.download` does. */
  download(file: WantedFile, options?: DownloadOptions): Promise<void>;
  /**
   * What was attached to a manifest: signatures, lists of packages. From the referrers API, else from the tag that
   * stands for it.
   * @throws AgentError as manifest(); where there is nothing the list is empty.
   */
  referrers(digest: string, signal?: AbortSignal): Promise<readonly Descriptor[]>;
}

/** A manifest as it came. */
export interface Fetched {
  readonly digest: string;
  readonly bytes: Uint8Array;
  /** What it says, or what is wrong with it. */
  readonly document: Manifest | Index | { readonly kind: 'unreadable'; readonly problem: string };
}

/** @param registry `HOST[:PORT]` */
export function openRepository(access: RegistryAccess, registry: string, repository: string): Repository {
  const endpoints = endpointsOf(access, registry, repository);
  const first = sourceOf(endpoints);
  return {
    place: `oci://${registry}/${repository}`,
    tags: (signal) => first((endpoint) => allTags(endpoint, signal)),
    manifest: (reference, signal) => first((endpoint) => fetchManifest(endpoint, reference, signal)),
    blob: (blob, maxSize, signal) => first((endpoint) => fetchBlob(endpoint, blob, maxSize, signal)),
    download: (file, options = {}) => {
      const progress = countedOnce(options.progress ?? silent);
      return first(({ http, ...endpoint }) =>
        http.download(addressOf(endpoint, `blobs/sha256:${file.sha256}`), file, { ...options, progress: progress() }),
      );
    },
    referrers: (digest, signal) => first((endpoint) => fetchReferrers(endpoint, digest, signal)),
  };
}

type Work<T> = (endpoint: Endpoint) => Promise<T>;

/** Does work at the first place that can. A mirror may be away, lack something or have it wrong: then the next is asked. */
function sourceOf(endpoints: readonly Endpoint[]): <T>(work: Work<T>) => Promise<T> {
  const away = new Set<Endpoint>();
  const withMirrors = async <T>(work: Work<T>, [endpoint, ...others]: readonly Endpoint[]): Promise<T> => {
    if (endpoint === undefined) throw new TypeError('the last place is the registry itself');
    if (away.has(endpoint)) return withMirrors(work, others);
    try {
      return await work(endpoint);
    } catch (error) {
      const passes = isAgentError(error, 'network', 'no-such-file', 'verification-failed');
      if (!endpoint.isMirror || !passes) throw error;
      if (error.code === 'network') away.add(endpoint);
      return withMirrors(work, others);
    }
  };
  return (work) => withMirrors(work, endpoints);
}

/** Progress for attempts at several places: what one had fetched already is not counted again by the next. */
function countedOnce(progress: Progress): () => Progress {
  let [expected, counted] = [false, 0];
  return () => {
    let here = 0;
    const count = (bytes: number, how: 'found' | 'advance') => {
      here += bytes;
      if (here <= counted) return;
      progress[how](here - counted);
      counted = here;
    };
    return {
      ...progress,
      expect: (bytes) => {
        if (!expected) progress.expect(bytes);
        expected = true;
      },
      advance: (bytes) => {
        count(bytes, 'advance');
      },
      found: (bytes) => {
        count(bytes, 'found');
      },
    };
  };
}

/** The grammar of tags of the distribution specification: others could not be asked for. */
const wholeTag = /^\w[\w.-]{0,127}$/;
const limits = { pageSize: 1000, pages: 200, tags: 100_000, pageBytes: 16 * 1024 * 1024 };
const tagList = jsonStruct({ tags: jsonOptional(jsonList(jsonText(), limits.tags), []) });

interface TagPage {
  readonly tags: readonly string[];
  /** The address of the page after it. */
  readonly next: string | undefined;
}

/** Many registries give all of thousands at once: then no set is made, which would take longer than to read them. */
async function allTags(endpoint: Endpoint, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const first = await tagPage(endpoint, addressOf(endpoint, `tags/list?n=${limits.pageSize}`), signal);
  return first.next === undefined ? first.tags : [...(await withFurtherPages(endpoint, first, signal))];
}

async function withFurtherPages(
  endpoint: Endpoint,
  first: TagPage,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const tags = new Set(first.tags);
  let url = first.next;
  for (let page = 1; url !== undefined; page++) {
    const before = tags.size;
    const { tags: more, next } = await tagPage(endpoint, url, signal);
    for (const tag of more) tags.add(tag);
    if (tags.size > limits.tags || page === limits.pages) throw nonsense(url, `it has more than ${limits.tags} tags`);
    // A page that brings nothing new would be followed by itself.
    url = tags.size === before ? undefined : next;
  }
  return tags;
}

async function tagPage(endpoint: Endpoint, url: string, signal: AbortSignal | undefined): Promise<TagPage> {
  const { body, headers } = await get(endpoint, url, '', limits.pageBytes, signal);
  const decoded = decodeJson(body.toString('utf8'), tagList);
  if ('problem' in decoded) throw nonsense(url, decoded.problem);
  const tags = decoded.value.tags.filter((tag) => wholeTag.test(tag));
  return { tags, next: nextPage(endpoint, url, headers['link']) };
}

/** Where the list goes on (RFC 8288): in the same registry, or nowhere. */
function nextPage({ origin }: Endpoint, url: string, link: string | string[] | undefined): string | undefined {
  const [, target] = /^\s*<([^>]*)>\s*;[^,]*\brel="?next\b/.exec([link].flat()[0] ?? '') ?? [];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const next = new URL(target, url);
  return next.origin === origin ? next.href : undefined;
}

async function get(
  { http, origin, repository }: Endpoint,
  url: string,
  accept: string,
  maxSize: number,
  signal: AbortSignal | undefined,
) {
  try {
    const document = await http.get(url, {
      maxSize,
      ...(accept === '' ? {} : { headers: { accept } }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (document.kind === 'content') return document;
    throw nonsense(url, 'it is said to be what we have, and we have none');
  } catch (error) {
    if (!isAgentError(error, 'no-such-file')) throw error;
    const what = url.slice(url.indexOf(`${repository}/`) + repository.length + 1);
    throw new AgentError('no-such-file', `${new URL(origin).host} has no ${repository}${nameOf(what)}`, {
      cause: error,
      next: 'Check its name. Some registries say so where a password is needed as well.',
    });
  }
}

/** What is asked for, as references have it: nothing, `:TAG` or `@DIGEST`. */
function nameOf(path: string): string {
  const [, name = ''] = /^(?:manifests|blobs)\/(.+)$/.exec(path) ?? [];
  return name === '' ? '' : `${name.includes(':') ? '@' : ':'}${name}`;
}

function nonsense(url: string, problem: string): AgentError {
  return new AgentError('network', `${shown(url)} answers with what is of no use: ${problem}`);
}

async function fetchManifest(endpoint: Endpoint, reference: string, signal: AbortSignal | undefined): Promise<Fetched> {
  const url = addressOf(endpoint, `manifests/${reference}`);
  const { body, headers } = await get(endpoint, url, acceptedTypes, largestManifest, signal);
  const fetched = fetchedOf(body);
  const expected = reference.includes(':') ? reference : digestSaid(headers['docker-content-digest']);
  if (expected !== undefined && expected !== fetched.digest) throw mismatch(url, expected, fetched.digest);
  return fetched;
}

/** A manifest as it came, and what it says. */
export function fetchedOf(bytes: Uint8Array): Fetched {
  const decoded = decodeManifest(bytes);
  const document = 'value' in decoded ? decoded.value : { kind: 'unreadable' as const, ...decoded };
  return { digest: `sha256:${sha256(bytes)}`, bytes, document };
}

/** What the registry says that it sends: only a help against what is damaged on the way. */
function digestSaid(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && sha256Of(header) !== undefined ? header : undefined;
}

function mismatch(url: string, expected: string, found: string): AgentError {
  return new AgentError('verification-failed', `${shown(url)} is not what was asked for`, {
    unverified: 'digest',
    facts: [`expected: ${expected}`, `found:    ${found}`],
    left: 'Nothing was taken.',
    next: 'Something changes what the registry sends, or it is damaged: ask those who run it.',
  });
}

async function fetchBlob(
  endpoint: Endpoint,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  maxSize: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const url = addressOf(endpoint, `blobs/${digest}`);
  if (sha256Of(digest) === undefined) throw nonsense(url, 'its digest is not one with sha256');
  if (size > maxSize) throw nonsense(url, `it is said to have ${size} bytes, where ${maxSize} are the most`);
  const { body } = await get(endpoint, url, '', size, signal);
  const found = `sha256:${sha256(body)}`;
  if (found !== digest) throw mismatch(url, digest, found);
  return body;
}

async function fetchReferrers(
  endpoint: Endpoint,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const asked = await listAt(endpoint, `referrers/${digest}`, signal);
  return asked ?? (await listAt(endpoint, `manifests/${digest.replace(':', '-')}`, signal)) ?? [];
}

/** The manifests of an index; undefined where there is none. */
async function listAt(
  endpoint: Endpoint,
  path: string,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[] | undefined> {
  try {
    const { body } = await get(endpoint, addressOf(endpoint, path), indexType, largestManifest, signal);
    const decoded = decodeManifest(body);
    return 'value' in decoded && decoded.value.kind === 'index' ? decoded.value.manifests : undefined;
  } catch (error) {
    if (isAgentError(error, 'no-such-file') || isUnknownToIt(error)) return undefined;
    throw error;
  }
}

/** Registries that do not know the referrers API should answer 404, and not all of them do. */
function isUnknownToIt(error: unknown): boolean {
  return error instanceof StatusError && [400, 405, 406].includes(error.status);
}
