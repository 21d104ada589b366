import { join } from 'node:path';

import { AgentError, isAgentError } from '../../core/errors.ts';
import { fileStatus, readTextIfAny, writeAtomically } from '../../host/files.ts';
import type { Validators } from '../../host/http.ts';
import {
  ensureIndexDatabase,
  indexDatabasePath,
  removeSuperseded,
  type IndexCache,
  type IndexFormat,
  type RemoteIndex,
} from './index-cache.ts';
import { formatState, parseState, stateFormat, type SuiteState } from './state.ts';

/** One package list: a suite of a deb repository, or what an rpm repository has. */
export interface PackageList {
  /** What it is called in messages. */
  readonly title: string;
  /** What its signed document is called in messages: the one that vouches for everything else. */
  readonly document: string;
  /** Empty where its repository has no suites. */
  readonly suite: string;
  readonly kept: KeptList;
  /** Of the keys that it must be verified by. */
  readonly keysDigest: string;
  /** Whether it is of no more use when its Valid-Until has passed. */
  readonly checkValidUntil: boolean;
  readonly format: IndexFormat;
  /** Asks for a newer document and hands over what came: `accept` may refuse it, and then be given another. */
  ask(accept: (received: Received | undefined) => Promise<SuiteState>, signal?: AbortSignal): Promise<SuiteState>;
  /** @throws AgentError `verification-failed`, and `invalid-config` where it is not what was asked for. */
  verify(received: Received): Promise<VerifiedList>;
}

/** Where a list is kept in the cache. */
export interface KeptList {
  readonly statePath: string;
  readonly documentPath: string;
  readonly signaturePath: string;
  /** What was accepted last; its document is there, too. */
  readonly cached: SuiteState | undefined;
}

/** A signed document as it was received, and what the server says to recognise it by. */
export interface Received {
  /** The base address that it came from, without credentials. */
  readonly uri: string;
  readonly text: string;
  /** The file that signs it; empty where it is signed within, or not to be. */
  readonly signature: string;
  readonly validators: Validators;
  readonly checkedAt: Date;
}

/** What a signed document says. */
export interface VerifiedList {
  readonly date: Date;
  readonly validUntil: Date | undefined;
  readonly signers: readonly string[];
  indexes(): readonly RemoteIndex[];
}

/** @param name of its files, which end in `ending` and the like. */
export function keptList(directory: string, name: string, ending: string): KeptList {
  const statePath = join(directory, `${name}.${stateFormat}.json`);
  const documentPath = join(directory, `${name}.${ending}`);
  const isThere = fileStatus(documentPath) !== undefined;
  return {
    statePath,
    documentPath,
    signaturePath: `${documentPath}.asc`,
    cached: isThere ? parseState(readTextIfAny(statePath) ?? '') : undefined,
  };
}

/**
 * Brings a list and its indexes up to date where that is due.
 * @throws AgentError `network`, `verification-failed`, `invalid-config`, `no-such-file`
 */
export async function upToDate(cache: IndexCache, list: PackageList, signal?: AbortSignal): Promise<SuiteState> {
  const usable = usableState(cache, list);
  if (usable !== undefined && isFresh(cache, list, usable)) return usable;
  if (cache.offline) return await adopt(cache, list, stored(list), signal);
  try {
    cache.progress.step(`reading the package list of ${list.title}`);
    return await list.ask((received) => accept(cache, list, received, signal), signal);
  } catch (error) {
    if (!isAgentError(error, 'network') || cache.maxAge === 0 || usable === undefined) throw error;
    cache.progress.warn(`${error.message}; using the package list of ${usable.date.toISOString()}`);
    return usable;
  }
}

/** What was accepted last, where it can be used as it is: verified by the present keys, with all its databases. */
function usableState({ directory }: IndexCache, { kept, keysDigest, format }: PackageList): SuiteState | undefined {
  const { cached } = kept;
  if (cached?.keysDigest !== keysDigest) return undefined;
  const hasDatabase = (digest: string) => fileStatus(indexDatabasePath(directory, digest, format)) !== undefined;
  return cached.indexes.every(hasDatabase) ? cached : undefined;
}

function isFresh({ clock, maxAge, offline }: IndexCache, { checkValidUntil }: PackageList, state: SuiteState): boolean {
  if (offline) return true;
  const now = clock.now().getTime();
  const age = now - state.checkedAt.getTime();
  const expires = checkValidUntil ? (state.validUntil?.getTime() ?? Infinity) : Infinity;
  return age >= 0 && age < maxAge && now <= expires;
}

/** @param received undefined where the server says that what we have is the newest. */
function accept(
  cache: IndexCache,
  list: PackageList,
  received: Received | undefined,
  signal?: AbortSignal,
): Promise<SuiteState> {
  return received === undefined ? keep(cache, list, signal) : adopt(cache, list, received, signal);
}

/** Goes on with the document that was accepted last, which may be without what it vouches for. */
function keep(cache: IndexCache, list: PackageList, signal?: AbortSignal): Promise<SuiteState> {
  const checkedAt = cache.clock.now();
  const usable = usableState(cache, list);
  if (usable !== undefined) return Promise.resolve(saveState(list, { ...usable, checkedAt }));
  return adopt(cache, list, { ...stored(list), checkedAt }, signal);
}

/** The document that was accepted last. */
function stored({ kept, title }: PackageList): Received {
  const { cached, documentPath, signaturePath } = kept;
  const text = readTextIfAny(documentPath);
  if (cached === undefined || text === undefined)
    throw new AgentError('network', `there is no package list of ${title} in the cache, and the network is not used`, {
      next: 'Run the command once without --offline.',
    });
  const { uri, validators, checkedAt } = cached;
  return { uri, text, signature: readTextIfAny(signaturePath) ?? '', validators, checkedAt };
}

/** Verifies a document, gets the indexes it vouches for, and only then remembers it. */
async function adopt(
  cache: IndexCache,
  list: PackageList,
  received: Received,
  signal?: AbortSignal,
): Promise<SuiteState> {
  const { kept, suite, keysDigest, format } = list;
  const verified = await list.verify(received);
  const { date, validUntil, signers } = verified;
  if (kept.cached !== undefined && date < kept.cached.date) {
    cache.progress.warn(olderThan(kept.cached, list, date));
    return keep(cache, list, signal);
  }
  const digests: string[] = [];
  for (const index of verified.indexes()) digests.push(await ensureIndexDatabase(cache, index, signal));
  writeAtomically(kept.documentPath, received.text);
  if (received.signature !== '') writeAtomically(kept.signaturePath, received.signature);
  const { uri, validators, checkedAt } = received;
  const of = { uri, suite, validators, checkedAt, keysDigest };
  const state = saveState(list, { ...of, date, validUntil, signers, indexes: digests });
  removeSuperseded(cache.directory, kept.cached?.indexes ?? [], format, cache.clock.now());
  return state;
}

/** A mirror that offers an older document than before is behind, or replays it: what we have stays. */
function olderThan(cached: SuiteState, { document }: PackageList, date: Date): string {
  const dates = `(${date.toISOString()}) than the one in the cache (${cached.date.toISOString()})`;
  return `${document} is older ${dates}; the newer one stays in use`;
}

function saveState({ kept }: PackageList, state: SuiteState): SuiteState {
  writeAtomically(kept.statePath, formatState(state));
  return state;
}
