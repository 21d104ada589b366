import { AgentError } from '../../core/errors.ts';
import { verifyList, type Trust, type VerifiedList } from '../trust/trust.ts';
import type { ListSignature } from '../trust/list-signature.ts';
import type { ListedDirectory } from './directory.ts';
import { largestList, parseSums } from './sums.ts';

/** What a directory says that it has, once that was found right. */
export interface FetchedList {
  readonly list: VerifiedList;
  /** The sha256 of each file, in hexadecimal. */
  readonly sums: ReadonlyMap<string, string>;
}

export const listName = 'SHA256SUMS';

/** Where signatures of each kind are: as systemd-sysupdate looks for them, and as cosign writes them. */
export const signatureNames: Readonly<Record<ListSignature['kind'], readonly string[]>> = {
  openpgp: [`${listName}.gpg`, `${listName}.asc`],
  cosign: [`${listName}.sig`, `${listName}.sigstore.json`],
};

/** A signature is not larger, in bytes. */
export const largestSignature = 256 * 1024;

/**
 * Fetches the list of a directory, and the signatures that this host wants of it.
 * @throws AgentError `network`, `no-such-file`, `verification-failed`
 */
export async function fetchList(
  directory: ListedDirectory,
  name: string,
  trust: Trust,
  signal?: AbortSignal,
): Promise<FetchedList> {
  const source = directory.nameOf(listName);
  const bytes = await directory.read(listName, largestList, signal);
  if (bytes === undefined) throw noList(directory, source);
  const list = await verifyList(trust, { place: directory.place, name }, { source, bytes }, (kinds) =>
    fetchSignatures(directory, kinds, signal),
  );
  return { list, sums: parseSums(list, source, trust.clock.now()) };
}

function noList({ place }: ListedDirectory, source: string): AgentError {
  return new AgentError('no-such-file', `${place} says not what it has: there is no ${source}`, {
    next: 'Look whether the directory is the right one; a single file can be taken by its address with its sha256.',
  });
}

async function fetchSignatures(
  directory: ListedDirectory,
  kinds: ReadonlySet<ListSignature['kind']>,
  signal?: AbortSignal,
): Promise<readonly ListSignature[]> {
  const found: ListSignature[] = [];
  for (const kind of kinds) {
    for (const file of signatureNames[kind]) {
      const bytes = await directory.read(file, largestSignature, signal);
      if (bytes !== undefined) found.push({ kind, source: directory.nameOf(file), bytes });
    }
  }
  return found;
}
