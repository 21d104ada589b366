import { AgentError, isAgentError } from '../core/errors.ts';
import { pieceCollector } from './collection.ts';
import { networkError, requireStatus, shown, type HttpAnswer, type HttpRequest } from './exchange.ts';
import { paceKeeper } from './pace.ts';
import { openPartFile, type HashAlgorithm, type PartFile } from './part-file.ts';
import { silent, type Progress } from './progress.ts';
import { retrying, type RetryPolicy } from './retry.ts';

/** A file to fetch, and how it will be recognised. */
export interface WantedFile extends WantedSize {
  /** In hexadecimal. */
  readonly sha256: string;
}

/** A file that is known by any hash. */
export interface HashedFile extends WantedSize {
  readonly hash: FileHash;
}

export interface FileHash {
  readonly algorithm: HashAlgorithm;
  /** In hexadecimal. */
  readonly hex: string;
}

interface WantedSize {
  /** Where it goes, in a directory that is made where it is missing. */
  readonly path: string;
  /** Exact size in bytes, where it is known. */
  readonly size?: number;
  /** The most that is taken where the size is not known, in bytes; 16 GiB. */
  readonly maxSize?: number;
}

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** How a download reaches the network. */
export interface Sender {
  send(url: string, request: HttpRequest): Promise<HttpAnswer>;
  readonly policy: RetryPolicy;
}

interface Job {
  readonly sender: Sender;
  readonly url: string;
  readonly file: HashedFile;
  readonly options: DownloadOptions;
  readonly part: PartFile;
  /** Told how many bytes of the file are here, and whether they were before. */
  readonly report: (position: number, how: 'found' | 'advance') => void;
}

const defaultMaxSize = 16 * 1024 ** 3;

/** See `Http.download`. */
export async function download(
  sender: Sender,
  url: string,
  wanted: WantedFile | HashedFile,
  options: DownloadOptions,
): Promise<void> {
  const { progress = silent, signal } = options;
  const file = 'hash' in wanted ? wanted : { ...wanted, hash: { algorithm: 'sha256' as const, hex: wanted.sha256 } };
  const part = await openPartFile(file.path, file.hash.hex, file.hash.algorithm);
  const job: Job = { sender, url, file, options, part, report: reporter(progress) };
  if (file.size !== undefined) progress.expect(file.size);
  try {
    await retrying(sender.policy, () => transfer(job), signal);
  } catch (error) {
    await (isAgentError(error, 'verification-failed') ? part.discard() : part.release());
    throw error;
  }
  await part.commit();
}

/** Progress only ever advances: bytes that must be fetched a second time are not counted twice. */
function reporter(progress: Progress): Job['report'] {
  let reported = 0;
  return (position, how) => {
    if (position <= reported) return;
    progress[how](position - reported);
    reported = position;
  };
}

async function transfer(job: Job): Promise<void> {
  const { file, part } = job;
  if (part.position > sizeLimit(file)) await part.restart();
  const resumed = part.position > 0;
  job.report(part.position, 'found');
  if (part.position !== file.size) await receive(job);
  if (part.digest() === file.hash.hex) return;
  if (!resumed) throw wrongHash(job);
  // What we had may have been of another version of the file: only a file fetched as a whole is judged.
  await part.restart();
  await transfer(job);
}

async function receive(job: Job): Promise<void> {
  const { sender, url, options, part } = job;
  const resuming = part.position > 0;
  const range = resuming ? { range: `bytes=${part.position}-` } : {};
  const answer = await sender.send(url, {
    headers: { ...options.headers, ...range },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (resuming && !fits(answer, part.position)) {
    answer.body.destroy();
    await part.restart();
    return receive(job);
  }
  requireStatus(answer, 200, ...(resuming ? [206] : []));
  if (resuming && answer.status === 200) await part.restart();
  refuseWrongSize(job, contentLength(answer));
  await pour(job, answer);
}

/** Whether the answer to a request for the rest is no other part of the file: one that ignores the range is fine. */
function fits(answer: HttpAnswer, position: number): boolean {
  if (answer.status === 416) return false;
  return answer.status !== 206 || (answer.headers['content-range'] ?? '').startsWith(`bytes ${position}-`);
}

function contentLength({ headers }: HttpAnswer): number | undefined {
  const text = headers['content-length'];
  return text === undefined ? undefined : Number(text);
}

async function pour(job: Job, answer: HttpAnswer): Promise<void> {
  const { file, part, options, sender } = job;
  const keepPace = paceKeeper(sender.policy.clock, answer.url);
  const collect = pieceCollector();
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      keepPace(piece.length);
      if (part.position + piece.length > sizeLimit(file)) throw wrongSize(job, 'more');
      await part.append(piece);
      job.report(part.position, 'advance');
      collect(piece.length);
    }
  } catch (error) {
    throw networkError(error, answer.url, options.signal);
  }
  if (file.size !== undefined && part.position < file.size) throw truncated(job);
}

/** The most bytes that a file may have. */
export function sizeLimit(file: Pick<HashedFile, 'size' | 'maxSize'>): number {
  return file.size ?? file.maxSize ?? defaultMaxSize;
}

/** Where the server says how much it will send, a file of the wrong size is refused before its first byte. */
function refuseWrongSize(job: Job, length: number | undefined): void {
  if (length === undefined) return;
  const total = job.part.position + length;
  const wrong = job.file.size === undefined ? total > sizeLimit(job.file) : total !== job.file.size;
  if (wrong) throw wrongSize(job, String(total));
}

function wrongSize({ url, file }: Job, found: string): AgentError {
  const wanted = file.size === undefined ? `at most ${sizeLimit(file)} bytes` : `${file.size} bytes`;
  return notTheFile(url, [`expected: ${wanted}`, `found:    ${found}${found === 'more' ? '' : ' bytes'}`]);
}

function wrongHash({ url, file, part }: Job): AgentError {
  const { algorithm, hex } = file.hash;
  return notTheFile(url, [`expected: ${algorithm} ${hex}`, `found:    ${algorithm} ${part.digest()}`]);
}

function notTheFile(url: string, facts: readonly string[]): AgentError {
  return new AgentError('verification-failed', `${shown(url)} is not the file that was promised`, {
    unverified: 'digest',
    facts,
    left: 'What arrived was removed.',
    next: 'The server may be in the middle of an update: try again in some minutes, or from another mirror.',
  });
}

function truncated({ url, file, part }: Job): AgentError {
  return new AgentError('network', `${shown(url)} ended after ${part.position} of ${file.size ?? 0} bytes`, {
    retryable: true,
  });
}
