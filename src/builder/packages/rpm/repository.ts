import { AgentError, isAgentError } from '../../../core/errors.ts';
import { sha256 } from '../../../host/digest.ts';
import { fileStatus, readTextIfAny } from '../../../host/files.ts';
import { shown, type Http } from '../../../host/http.ts';
import { digestOfKeys, verifyDetached } from '../../../host/openpgp.ts';
import type { RpmRepository } from '../../targets/target.ts';
import { indexDatabasePath, type IndexCache } from '../index-cache.ts';
import {
  keptList,
  upToDate,
  type KeptList,
  type PackageList,
  type Received,
  type VerifiedList,
} from '../package-list.ts';
import { primaryFormat } from './index-database.ts';
import { keyAdvice, keyRing, type KeyRing } from './keys.ts';
import { fromMirrors, mirrorsOf, type Mirrors } from './mirrors.ts';
import { parseRepomd, type Repomd } from './repomd.ts';

/** A repository whose package list is in the cache. */
export interface ReadRepository {
  readonly repository: RpmRepository;
  readonly keys: KeyRing;
  /** The base that its packages come from, with credentials if it has any. */
  readonly base: string;
  readonly databasePath: string;
  readonly repomd: Repomd;
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
  const keys = keyRing(repository.keys);
  const list = listOf(cache, repository, keys);
  const state = await upToDate(cache, list, signal);
  return {
    repository,
    keys,
    base: baseOf(repository, state.uri),
    databasePath: indexDatabasePath(cache.directory, state.indexes[0] ?? '', primaryFormat),
    repomd: parseRepomd(list.document, readTextIfAny(list.kept.documentPath) ?? ''),
  };
}

/** The base as it is fetched from: records are without the credentials that the target may have. */
function baseOf({ baseurl }: RpmRepository, uri: string): string {
  return baseurl.find((base) => shown(base) === uri) ?? uri;
}

function listOf(cache: IndexCache, repository: RpmRepository, keys: KeyRing): PackageList {
  const { baseurl, metalink = '', mirrorlist = '', repoGpgcheck } = repository;
  const places = [...baseurl, metalink, mirrorlist].map((url) => (url === '' ? '' : shown(url)));
  const kept = keptList(cache.directory, `rpm-${sha256(JSON.stringify(places)).slice(0, 16)}`, 'repomd.xml');
  const name = places.find((place) => place !== '') ?? '';
  return {
    title: name,
    document: name,
    suite: '',
    kept,
    keysDigest: repoGpgcheck ? digestOfKeys(keys.files) : 'unsigned',
    checkValidUntil: false,
    format: primaryFormat,
    ask: async (accept, signal) => {
      const mirrors = await mirrorsOf(cache.http, repository, signal);
      return await fromMirrors(name, mirrors, async (base) => {
        const received = await fetchRepomd(cache, repository, kept, base, signal);
        if (received !== undefined) checkPromised(received, mirrors);
        return await accept(received);
      });
    },
    verify: (received) => verifyRepomd(repository, keys, received),
  };
}

/** @throws AgentError `verification-failed` */
function checkPromised({ uri, text }: Received, { checksums }: Mirrors): void {
  const found = sha256(text);
  if (checksums === undefined || checksums.includes(found)) return;
  throw new AgentError('verification-failed', `${uri} has another repomd.xml than the metalink promises`, {
    unverified: 'digest',
    facts: [...checksums.map((sum) => `expected: sha256 ${sum}`), `found:    sha256 ${found}`],
  });
}

/** Undefined where the server has none that is newer than ours. */
async function fetchRepomd(
  { http, clock }: IndexCache,
  { repoGpgcheck }: RpmRepository,
  { cached, signaturePath }: KeptList,
  base: string,
  signal?: AbortSignal,
): Promise<Received | undefined> {
  const checkedAt = clock.now();
  const options = { maxSize, ...(signal === undefined ? {} : { signal }) };
  const complete = !repoGpgcheck || fileStatus(signaturePath) !== undefined;
  const known = cached?.uri === shown(base) && complete ? { validators: cached.validators } : {};
  const url = `${base}/repodata/repomd.xml`;
  const document = await http.get(url, { ...options, ...known });
  if (document.kind === 'not-modified') return undefined;
  const signature = repoGpgcheck ? await fetchSignature(http, `${url}.asc`, options) : '';
  return { uri: shown(base), text: document.body.toString(), signature, validators: document.validators, checkedAt };
}

async function fetchSignature(http: Http, url: string, options: Parameters<Http['get']>[1]): Promise<string> {
  try {
    const document = await http.get(url, options);
    return document.kind === 'content' ? document.body.toString() : '';
  } catch (error) {
    if (!isAgentError(error, 'no-such-file')) throw error;
    throw new AgentError('verification-failed', `${shown(url)} is not there: the package list is not signed`, {
      unverified: 'signature',
      cause: error,
      next: 'Use a repository that is signed; "repo_gpgcheck: false" in the target file would do without.',
    });
  }
}

async function verifyRepomd(repository: RpmRepository, keys: KeyRing, received: Received): Promise<VerifiedList> {
  const { uri, text, signature } = received;
  const document = `${uri}/repodata/repomd.xml`;
  const signers = repository.repoGpgcheck
    ? await verifyDetached(document, Buffer.from(text), signature, keys.files, keyAdvice(keys))
    : [];
  const { date, primary } = parseRepomd(document, text);
  const directoryUrl = baseOf(repository, uri);
  const index = { ...primary, directoryUrl, paths: [primary.packed.path], format: primaryFormat };
  return { date, validUntil: undefined, signers, indexes: () => [index] };
}
