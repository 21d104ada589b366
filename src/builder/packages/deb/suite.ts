import { dirname } from 'node:path';

import { isAgentError } from '../../../core/errors.ts';
import { sha256 } from '../../../host/digest.ts';
import { shown } from '../../../host/http.ts';
import { digestOfKeys, readKeys, type KeyFile } from '../../../host/openpgp.ts';
import type { DebRepository } from '../../targets/target.ts';
import { indexDatabasePath, type IndexCache, type PackedIndex, type RemoteIndex } from '../index-cache.ts';
import { keptList, upToDate, type PackageList, type Received, type VerifiedList } from '../package-list.ts';
import type { SuiteState } from '../state.ts';
import { packagesFormat } from './index-database.ts';
import { checkExpiry, checkRelease, packagesIndexes, parseRelease, type Release } from './release.ts';
import { verifySigned } from './signature.ts';

/** One suite of a repository, and the packages of it that this host can use. */
export interface SuiteOf {
  readonly repository: DebRepository;
  readonly suite: string;
  /** Debian's name of the native architecture. */
  readonly architecture: string;
}

/** A few megabytes hold every InRelease file there is. */
const maxReleaseSize = 16 * 1024 ** 2;

/**
 * Brings the indexes of a suite up to date where that is due.
 * @returns the paths of their databases.
 * @throws AgentError `network`, `verification-failed`, `invalid-config`, `no-such-file`
 */
export async function readSuite(cache: IndexCache, of: SuiteOf, signal?: AbortSignal): Promise<readonly string[]> {
  const list = listOf(cache, of);
  const state = await upToDate(cache, list, signal);
  checkExpiry(list.document, state.validUntil, list.checkValidUntil, cache.clock.now());
  return state.indexes.map((digest) => indexDatabasePath(cache.directory, digest, packagesFormat));
}

function listOf(cache: IndexCache, of: SuiteOf): PackageList {
  const { repository, suite, architecture } = of;
  const uri = shown(repository.uri);
  const key = sha256(JSON.stringify([uri, suite, repository.components, architecture])).slice(0, 16);
  const kept = keptList(cache.directory, `${suite.replace(/[^A-Za-z0-9.-]/g, '_')}-${key}`, 'InRelease');
  const keyFiles = readKeys(repository.keys);
  return {
    title: suite,
    document: shown(releaseOf(of)),
    suite,
    kept,
    keysDigest: digestOfKeys(keyFiles),
    checkValidUntil: repository.checkValidUntil,
    format: packagesFormat,
    ask: async (accept, signal) => await accept(await fetchRelease(cache, of, kept.cached, signal)),
    verify: (received) => verifyRelease(of, keyFiles, received, cache.clock.now()),
  };
}

/** The address of everything of a suite, with credentials if it has any. */
function directoryOf({ repository, suite }: SuiteOf): string {
  return `${repository.uri}/dists/${suite}`;
}

function releaseOf(of: SuiteOf): string {
  return `${directoryOf(of)}/InRelease`;
}

/** Undefined where the server has none that is newer than ours. */
async function fetchRelease(
  { http, clock }: IndexCache,
  of: SuiteOf,
  cached: SuiteState | undefined,
  signal?: AbortSignal,
): Promise<Received | undefined> {
  const checkedAt = clock.now();
  try {
    const document = await http.get(releaseOf(of), {
      maxSize: maxReleaseSize,
      ...(cached === undefined ? {} : { validators: cached.validators }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (document.kind === 'not-modified') return undefined;
    const { body, validators } = document;
    return { uri: shown(of.repository.uri), text: body.toString(), signature: '', validators, checkedAt };
  } catch (error) {
    if (!isAgentError(error, 'no-such-file')) throw error;
    throw error.with({ next: 'Check the address of the repository and the names of its suites in the target file.' });
  }
}

async function verifyRelease(
  of: SuiteOf,
  keyFiles: readonly KeyFile[],
  { text }: Received,
  now: Date,
): Promise<VerifiedList> {
  const { repository, suite, architecture } = of;
  const document = shown(releaseOf(of));
  const signed = await verifySigned(document, text, keyFiles, repository.checkDate ? now : null);
  const release = parseRelease(document, signed);
  checkRelease(document, release, { ...repository, suite, architecture }, now);
  const { date, validUntil } = release;
  return {
    date,
    validUntil,
    signers: signed.signers,
    indexes: () =>
      repository.components.flatMap((component) =>
        packagesIndexes(document, release, component, architecture).map((index) => remote(of, release, index)),
      ),
  };
}

function remote(of: SuiteOf, { byHash }: Release, index: PackedIndex): RemoteIndex {
  const { path, sha256: hash } = index.packed;
  const paths = byHash ? [`${dirname(path)}/by-hash/SHA256/${hash}`, path] : [path];
  return { ...index, paths, directoryUrl: directoryOf(of), format: packagesFormat };
}
