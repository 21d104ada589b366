import { AgentError, isAgentError } from '../../../core/errors.ts';
import { shown, type Http } from '../../../host/http.ts';
import type { RpmRepository } from '../../targets/target.ts';
import { parseMetalink, parseMirrorList } from './repomd.ts';

/** The places that a repository may be fetched from. */
export interface Mirrors {
  /** Base addresses, with credentials if they have any; the preferred first. */
  readonly bases: readonly string[];
  /** The sha256 sums that repomd.xml may have; undefined where nobody says. */
  readonly checksums: readonly string[] | undefined;
}

/** No list of mirrors is larger. */
const maxSize = 8 * 1024 ** 2;

/** More mirrors than this are not tried: the fault is then rather here. */
const mostTried = 5;

/**
 * Asks where a repository is.
 * @throws AgentError `network`, `no-such-file`, `verification-failed`
 */
export async function mirrorsOf(http: Http, repository: RpmRepository, signal?: AbortSignal): Promise<Mirrors> {
  const { baseurl, metalink, mirrorlist, basearch = '$basearch' } = repository;
  const options = { maxSize, ...(signal === undefined ? {} : { signal }) };
  if (metalink !== undefined) {
    const { mirrors, checksums } = parseMetalink(shown(metalink), await textOf(http, metalink, options));
    return { bases: [...mirrors, ...baseurl].slice(0, mostTried), checksums };
  }
  const listed = mirrorlist === undefined ? [] : parseMirrorList(await textOf(http, mirrorlist, options));
  const filled = listed.map((base) => base.replaceAll('$basearch', basearch));
  return { bases: [...filled, ...baseurl].slice(0, mostTried), checksums: undefined };
}

async function textOf(http: Http, url: string, options: Parameters<Http['get']>[1]): Promise<string> {
  const document = await http.get(url, options);
  return document.kind === 'content' ? document.body.toString() : '';
}

/**
 * What the first mirror gives that has what is wanted: one that is away, behind or broken is passed over.
 * @throws AgentError the error of the first one, where none has it.
 */
export async function fromMirrors<T>(name: string, { bases }: Mirrors, take: (base: string) => Promise<T>): Promise<T> {
  const errors: AgentError[] = [];
  for (const base of bases) {
    try {
      return await take(base);
    } catch (error) {
      if (!isAgentError(error, 'network', 'no-such-file', 'verification-failed')) throw error;
      errors.push(error);
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) throw new AgentError('network', `${name} names no mirror that is fetched over HTTP`);
  const facts = others.map(({ message }) => `another mirror: ${message}`);
  throw others.length === 0 ? first : first.with({ facts: [...(first.details.facts ?? []), ...facts] });
}
