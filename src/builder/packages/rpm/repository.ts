import { join } from 'node:path';

import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { Clock } from '../../../host/clock.ts';
import type { PipingExec } from '../../../host/exec.ts';
import { sha256 } from '../../../host/digest.ts';
import { fileStatus, readTextIfAny, writeAtomically } from '../../../host/files.ts';
import { shown, type Http, type Validators } from '../../../host/http.ts';
import type { Progress } from '../../../host/progress.ts';
import type { RpmRepository } from '../../targets/target.ts';
import { digestOf, ensureIndexDatabase, indexDatabasePath, removeSuperseded } from '../index-cache.ts';
import { verifyDetached } from '../openpgp.ts';
import { formatState, parseState, stateFormat, type SuiteState } from '../state.ts';
import { primaryFormat } from './index-database.ts';
import { keyAdvice, keyRing, type KeyRing } from './keys.ts';
import { fromMirrors, mirrorsOf } from './mirrors.ts';
import { parseRepomd, type Repomd } from './repomd.ts';

/** Where indexes are kept, and how they get there. */
export interface IndexCache {
  readonly directory: string;
  readonly http: Http;
  readonly exec: PipingExec;
  readonly clock: Clock;
  readonly progress: Progress;
  /** For how many milliseconds what the server said is taken as its present word; 0 asks it every time. */
  readonly maxAge: number;
  /** Whether only the cache is used. */
  readonly offline: boolean;
}

/** A repository whose package list is in the cache. */
export interface ReadRepository {
  readonly repository: RpmRepository;
  readonly keys: KeyRing;
  /** The base that its packages come from, with credentials if it has any. */
  readonly base: string;
  readonly databasePath: string;
  readonly repomd: Repomd;
}

/** Everything about a repository that the steps below pass on. */
interface Subject {
  readonly repository: RpmRepository;
  /** What it is called in messages. */
  readonly name: string;
  readonly statePath: string;
  readonly repomdPath: string;
  readonly signaturePath: string;
  readonly keys: KeyRing;
  readonly keysDigest: string;
  /** What was accepted last; its repomd.xml is there, too. */
  readonly cached: SuiteState | undefined;
}

/** repomd.xml as it was received from a base, and what the server says to recognise it by. */
interface Received {
  readonly base: string;
  readonly text: string;
  /** Empty where none was asked for. */
  readonly signature: string;
  readonly validators: Validators;
  readonly checkedAt: Date;
}

/** A megabyte holds every repomd.xml there is. */
const maxSize = 8 * 1024 ** 2;

/**
 * Brings the package list of a repository up to date where that is due.
 * @throws AgentError `network`, `verification-failed`, `invalid-config`, `no-such-file`
 */
export async function readRepository(
  cache: IndexCache,
  repository: RpmRepository,
  signal?: AbortSignal,
): Promise<ReadRepository> {
  const subject = subjectOf(cache, repository);
  const state = isFresh(cache, subject) ? subject.cached : await refresh(cache, subject, signal);
  return {
    repository,
    keys: subject.keys,
    base: baseOf(repository, state.uri),
    databasePath: indexDatabasePath(cache.directory, state.indexes[0] ?? '', primaryFormat),
    repomd: parseRepomd(subject.name, readTextIfAny(subject.repomdPath) ?? ''),
  };
}

/** The base as it is fetched from: records are without the credentials that the target may have. */
function baseOf({ baseurl }: RpmRepository, uri: string): string {
  return baseurl.find((base) => shown(base) === uri) ?? uri;
}

function subjectOf(cache: IndexCache, repository: RpmRepository): Subject {
  const { baseurl, metalink = '', mirrorlist = '', repoGpgcheck } = repository;
  const places = [...baseurl, metalink, mirrorlist].map((url) => (url === '' ? '' : shown(url)));
  const base = join(cache.directory, `rpm-${sha256(JSON.stringify(places)).slice(0, 16)}`);
  const repomdPath = `${base}.repomd.xml`;
  const statePath = `${base}.${stateFormat}.json`;
  const keys = keyRing(repository.keys);
  const sums = keys.files.map(({ bytes }) => sha256(bytes)).join();
  return {
    repository,
    name: places.find((place) => place !== '') ?? '',
    statePath,
    repomdPath,
    signaturePath: `${repomdPath}.asc`,
    keys,
    keysDigest: repoGpgcheck ? sha256(sums) : 'unsigned',
    cached: fileStatus(repomdPath) === undefined ? undefined : parseState(readTextIfAny(statePath) ?? ''),
  };
}

type Cached = Subject & { readonly cached: SuiteState };

/** Whether the cache can be used as it is: verified by the present keys, with its database. */
function isUsable(cache: IndexCache, subject: Subject): subject is Cached {
  const { cached, keysDigest } = subject;
  if (cached?.keysDigest !== keysDigest) return false;
  return cached.indexes.every(
    (digest) => fileStatus(indexDatabasePath(cache.directory, digest, primaryFormat)) !== undefined,
  );
}

function isFresh(cache: IndexCache, subject: Subject): subject is Cached {
  if (!isUsable(cache, subject)) return false;
  const age = cache.clock.now().getTime() - subject.cached.checkedAt.getTime();
  return cache.offline || (age >= 0 && age < cache.maxAge);
}

async function refresh(cache: IndexCache, subject: Subject, signal?: AbortSignal): Promise<SuiteState> {
  if (cache.offline) return await adopt(cache, subject, stored(subject), signal);
  try {
    return await update(cache, subject, signal);
  } catch (error) {
    if (!isAgentError(error, 'network') || cache.maxAge === 0 || !isUsable(cache, subject)) throw error;
    cache.progress.warn(`${error.message}; using the package list of ${subject.cached.date.toISOString()}`);
    return subject.cached;
  }
}

async function update(cache: IndexCache, subject: Subject, signal?: AbortSignal): Promise<SuiteState> {
  cache.progress.step(`reading the package list of ${subject.name}`);
  const mirrors = await mirrorsOf(cache.http, subject.repository, signal);
  return await fromMirrors(subject.name, mirrors, async (base) => {
    const received = await fetchRepomd(cache, subject, base, signal);
    if (received === undefined) return await current(cache, subject, signal);
    const found = sha256(received.text);
    if (mirrors.checksums !== undefined && !mirrors.checksums.includes(found))
      throw new AgentError('verification-failed', `${shown(base)} has another repomd.xml than the metalink promises`, {
        facts: [...mirrors.checksums.map((sum) => `expected: sha256 ${sum}`), `found:    sha256 ${found}`],
      });
    return await adopt(cache, subject, received, signal);
  });
}

/** The server says that what we have is the newest. */
function current(cache: IndexCache, subject: Subject, signal?: AbortSignal): Promise<SuiteState> {
  const checkedAt = cache.clock.now();
  if (isUsable(cache, subject)) return Promise.resolve(saveState(subject, { ...subject.cached, checkedAt }));
  return adopt(cache, subject, { ...stored(subject), checkedAt }, signal);
}

/** Undefined where the server has none that is newer than ours. */
async function fetchRepomd(
  { http, clock }: IndexCache,
  { cached, repository, signaturePath }: Subject,
  base: string,
  signal?: AbortSignal,
): Promise<Received | undefined> {
  const checkedAt = clock.now();
  const options = { maxSize, ...(signal === undefined ? {} : { signal }) };
  const complete = !repository.repoGpgcheck || fileStatus(signaturePath) !== undefined;
  const known = cached?.uri === shown(base) && complete ? { validators: cached.validators } : {};
  const url = `${base}/repodata/repomd.xml`;
  const document = await http.get(url, { ...options, ...known });
  if (document.kind === 'not-modified') return undefined;
  const signature = repository.repoGpgcheck ? await fetchSignature(http, `${url}.asc`, options) : '';
  return { base, text: document.body.toString(), signature, validators: document.validators, checkedAt };
}

async function fetchSignature(http: Http, url: string, options: Parameters<Http['get']>[1]): Promise<string> {
  try {
    const document = await http.get(url, options);
    return document.kind === 'content' ? document.body.toString() : '';
  } catch (error) {
    if (!isAgentError(error, 'no-such-file')) throw error;
    throw new AgentError('verification-failed', `${shown(url)} is not there: the package list is not signed`, {
      cause: error,
      next: 'Use a repository that is signed; "repo_gpgcheck: false" in the target file would do without.',
    });
  }
}

function stored({ cached, repomdPath, signaturePath, name }: Subject): Received {
  const text = readTextIfAny(repomdPath);
  if (cached === undefined || text === undefined)
    throw new AgentError('network', `there is no package list of ${name} in the cache, and the network is not used`, {
      next: 'Run the command once without --offline.',
    });
  const signature = readTextIfAny(signaturePath) ?? '';
  return { base: cached.uri, text, signature, validators: cached.validators, checkedAt: cached.checkedAt };
}

/** Verifies repomd.xml, gets the index it vouches for, and only then remembers it. */
async function adopt(
  cache: IndexCache,
  subject: Subject,
  received: Received,
  signal?: AbortSignal,
): Promise<SuiteState> {
  const { cached, keysDigest } = subject;
  const signers = await verifyRepomd(subject, received);
  const repomd = parseRepomd(`${shown(received.base)}/repodata/repomd.xml`, received.text);
  if (cached !== undefined && repomd.date < cached.date && isUsable(cache, subject))
    return keepNewer(cache, subject, repomd);
  const { primary } = repomd;
  const index = { ...primary, directoryUrl: received.base, paths: [primary.packed.path], format: primaryFormat };
  await ensureIndexDatabase(cache, index, signal);
  writeAtomically(subject.repomdPath, received.text);
  if (received.signature !== '') writeAtomically(subject.signaturePath, received.signature);
  const { validators, checkedAt, base } = received;
  const found = { date: repomd.date, validUntil: undefined, signers, indexes: [digestOf(primary)] };
  const state = saveState(subject, { uri: shown(base), suite: '', validators, checkedAt, keysDigest, ...found });
  removeSuperseded(cache.directory, cached?.indexes ?? [], primaryFormat, cache.clock.now());
  return state;
}

async function verifyRepomd({ repository, keys }: Subject, received: Received): Promise<readonly string[]> {
  if (!repository.repoGpgcheck) return [];
  const name = `${shown(received.base)}/repodata/repomd.xml`;
  return await verifyDetached(name, Buffer.from(received.text), received.signature, keys.files, keyAdvice(keys));
}

/** A mirror that offers an older package list than before is behind, or replays it: what we have stays. */
function keepNewer(cache: IndexCache, subject: Cached, { date }: Repomd): SuiteState {
  const { cached, name } = subject;
  cache.progress.warn(
    `${name} is older (${date.toISOString()}) than the one in the cache (${cached.date.toISOString()}); the newer one stays in use`,
  );
  return saveState(subject, { ...cached, checkedAt: cache.clock.now() });
}

function saveState(subject: Subject, state: SuiteState): SuiteState {
  writeAtomically(subject.statePath, formatState(state));
  return state;
}
