import { dirname, join } from 'node:path';

import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { Clock } from '../../../host/clock.ts';
import type { PipingExec } from '../../../host/exec.ts';
import { sha256 } from '../../../host/digest.ts';
import { fileStatus, readTextIfAny, writeAtomically } from '../../../host/files.ts';
import { shown, type Document, type Http, type Validators } from '../../../host/http.ts';
import type { Progress } from '../../../host/progress.ts';
import type { DebRepository } from '../../targets/target.ts';
import { ensureIndexDatabase, indexDatabasePath, removeSuperseded } from '../index-cache.ts';
import { packagesFormat } from './index-database.ts';
import { checkExpiry, checkRelease, packagesIndexes, parseRelease, type Release } from './release.ts';
import { readKeys, type KeyFile } from '../openpgp.ts';
import { verifySigned } from './signature.ts';
import { formatState, parseState, stateFormat, type SuiteState } from '../state.ts';

/** One suite of a repository, and the packages of it that this host can use. */
export interface SuiteOf {
  readonly repository: DebRepository;
  readonly suite: string;
  /** Debian's name of the native architecture. */
  readonly architecture: string;
}

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

/** Everything about a suite that the steps below pass on. */
interface Subject extends SuiteOf {
  /** What it is called in messages. */
  readonly name: string;
  readonly directoryUrl: string;
  readonly statePath: string;
  readonly releasePath: string;
  readonly keyFiles: readonly KeyFile[];
  readonly keysDigest: string;
  /** What was accepted last; its Release file is there, too. */
  readonly cached: SuiteState | undefined;
}

/** A few megabytes hold every InRelease file there is. */
const maxReleaseSize = 16 * 1024 ** 2;

/**
 * Brings the indexes of a suite up to date where that is due.
 * @returns the paths of their databases.
 * @throws AgentError `network`, `verification-failed`, `invalid-config`, `no-such-file`
 */
export async function readSuite(cache: IndexCache, of: SuiteOf, signal?: AbortSignal): Promise<readonly string[]> {
  const subject = subjectOf(cache, of);
  const state = isFresh(cache, subject) ? subject.cached : await refresh(cache, subject, signal);
  checkExpiry(subject.name, state.validUntil, of.repository.checkValidUntil, cache.clock.now());
  return state.indexes.map((digest) => indexDatabasePath(cache.directory, digest, packagesFormat));
}

function subjectOf(cache: IndexCache, of: SuiteOf): Subject {
  const { repository, suite, architecture } = of;
  const uri = shown(repository.uri);
  const key = sha256(JSON.stringify([uri, suite, repository.components, architecture])).slice(0, 16);
  const base = join(cache.directory, `${suite.replace(/[^A-Za-z0-9.-]/g, '_')}-${key}`);
  const statePath = `${base}.${stateFormat}.json`;
  const releasePath = `${base}.InRelease`;
  const keyFiles = readKeys(repository.keys);
  return {
    ...of,
    name: `${uri}/dists/${suite}/InRelease`,
    directoryUrl: `${repository.uri}/dists/${suite}`,
    statePath,
    releasePath,
    keyFiles,
    keysDigest: sha256(keyFiles.map(({ bytes }) => sha256(bytes)).join()),
    cached: fileStatus(releasePath) === undefined ? undefined : parseState(readTextIfAny(statePath) ?? ''),
  };
}

type Cached = Subject & { readonly cached: SuiteState };

/** Whether the cache can be used as it is: verified by the present keys, with all its databases. */
function isUsable(cache: IndexCache, subject: Subject): subject is Cached {
  const { cached, keysDigest } = subject;
  if (cached?.keysDigest !== keysDigest) return false;
  return cached.indexes.every(
    (digest) => fileStatus(indexDatabasePath(cache.directory, digest, packagesFormat)) !== undefined,
  );
}

function isFresh(cache: IndexCache, subject: Subject): subject is Cached {
  if (!isUsable(cache, subject)) return false;
  if (cache.offline) return true;
  const now = cache.clock.now().getTime();
  const age = now - subject.cached.checkedAt.getTime();
  const expires = subject.repository.checkValidUntil ? (subject.cached.validUntil?.getTime() ?? Infinity) : Infinity;
  return age >= 0 && age < cache.maxAge && now <= expires;
}

async function refresh(cache: IndexCache, subject: Subject, signal?: AbortSignal): Promise<SuiteState> {
  if (cache.offline) return await adopt(cache, subject, storedRelease(subject), signal);
  try {
    return await update(cache, subject, signal);
  } catch (error) {
    if (!isAgentError(error, 'network') || cache.maxAge === 0 || !isUsable(cache, subject)) throw error;
    cache.progress.warn(`${error.message}; using the package list of ${subject.cached.date.toISOString()}`);
    return subject.cached;
  }
}

/** A Release file as it was received, and what the server says to recognise it by. */
interface Received {
  readonly text: string;
  readonly validators: Validators;
  readonly checkedAt: Date;
}

async function update(cache: IndexCache, subject: Subject, signal?: AbortSignal): Promise<SuiteState> {
  cache.progress.step(`reading the package list of ${subject.suite}`);
  const checkedAt = cache.clock.now();
  const document = await fetchRelease(cache, subject, signal);
  if (document.kind === 'content')
    return adopt(
      cache,
      subject,
      { text: document.body.toString(), validators: document.validators, checkedAt },
      signal,
    );
  if (isUsable(cache, subject)) return saveState(subject, { ...subject.cached, checkedAt });
  return adopt(cache, subject, { ...storedRelease(subject), checkedAt }, signal);
}

async function fetchRelease({ http }: IndexCache, subject: Subject, signal?: AbortSignal): Promise<Document> {
  try {
    return await http.get(`${subject.directoryUrl}/InRelease`, {
      maxSize: maxReleaseSize,
      ...(subject.cached === undefined ? {} : { validators: subject.cached.validators }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!isAgentError(error, 'no-such-file')) throw error;
    throw error.with({ next: 'Check the address of the repository and the names of its suites in the target file.' });
  }
}

/** The Release file that was accepted last. */
function storedRelease({ cached, releasePath, suite }: Subject): Received {
  const text = readTextIfAny(releasePath);
  if (cached === undefined || text === undefined)
    throw new AgentError('network', `there is no package list of ${suite} in the cache, and the network is not used`, {
      next: 'Run the command once without --offline.',
    });
  return { text, validators: cached.validators, checkedAt: cached.checkedAt };
}

/** Verifies a Release file, gets the indexes it vouches for, and only then remembers it. */
async function adopt(
  cache: IndexCache,
  subject: Subject,
  received: Received,
  signal?: AbortSignal,
): Promise<SuiteState> {
  const { name, cached, repository } = subject;
  const now = cache.clock.now();
  const signed = await verifySigned(name, received.text, subject.keyFiles, repository.checkDate ? now : null);
  const release = parseRelease(name, signed);
  checkRelease(name, release, { ...repository, ...subject }, now);
  if (cached !== undefined && release.date < cached.date) return keepNewer(cache, subject, cached, release, signal);
  const indexes = await ensureIndexes(cache, subject, release, signal);
  writeAtomically(subject.releasePath, received.text);
  const state = saveState(subject, {
    uri: shown(repository.uri),
    suite: subject.suite,
    date: release.date,
    validUntil: release.validUntil,
    checkedAt: received.checkedAt,
    validators: received.validators,
    keysDigest: subject.keysDigest,
    signers: signed.signers,
    indexes,
  });
  removeSuperseded(cache.directory, cached?.indexes ?? [], packagesFormat, now);
  return state;
}

/** A mirror that offers an older Release file than before is behind, or replays it: what we have stays. */
function keepNewer(
  cache: IndexCache,
  subject: Subject,
  cached: SuiteState,
  { date }: Release,
  signal?: AbortSignal,
): Promise<SuiteState> {
  cache.progress.warn(
    `${subject.name} is older (${date.toISOString()}) than the one in the cache (${cached.date.toISOString()}); the newer one stays in use`,
  );
  const checkedAt = cache.clock.now();
  if (isUsable(cache, subject)) return Promise.resolve(saveState(subject, { ...cached, checkedAt }));
  return adopt(cache, subject, { ...storedRelease(subject), checkedAt }, signal);
}

async function ensureIndexes(
  cache: IndexCache,
  subject: Subject,
  release: Release,
  signal?: AbortSignal,
): Promise<string[]> {
  const indexes = subject.repository.components.flatMap((component) =>
    packagesIndexes(subject.name, release, component, subject.architecture),
  );
  const digests: string[] = [];
  for (const index of indexes) {
    const { path, sha256: hash } = index.packed;
    const paths = release.byHash ? [`${dirname(path)}/by-hash/SHA256/${hash}`, path] : [path];
    const remote = { ...index, paths, directoryUrl: subject.directoryUrl, format: packagesFormat };
    digests.push(await ensureIndexDatabase(cache, remote, signal));
  }
  return digests;
}

function saveState(subject: Subject, state: SuiteState): SuiteState {
  writeAtomically(subject.statePath, formatState(state));
  return state;
}
