import { AgentError } from '../../core/errors.ts';
import { StatusError } from '../../host/http.ts';
import { verifyList, type Trust, type VerifiedList } from '../trust/trust.ts';
import type { ListSignature, ListSignatureKind, WithheldSignature } from '../trust/list-signature.ts';
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
const signatureNames: Readonly<Record<ListSignatureKind, readonly string[]>> = {
  openpgp: [`${listName}.gpg`, `${listName}.asc`],
  cosign: [`${listName}.sig`, `${listName}.sigstore.json`],
};

/** A signature is not larger, in bytes. */
const largestSignature = 256 * 1024;

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

/**
 * Fetches the signatures of some kinds that there are.
 * @throws AgentError `network`, `interrupted`
 */
export async function fetchSignatures(
  directory: ListedDirectory,
  kinds: Iterable<ListSignatureKind>,
  signal?: AbortSignal,
): Promise<readonly (ListSignature | WithheldSignature)[]> {
  const found: (ListSignature | WithheldSignature)[] = [];
  for (const kind of kinds) {
    for (const file of signatureNames[kind]) {
      const source = directory.nameOf(file);
      const bytes = await readOrWithheld(directory, file, signal);
      if (typeof bytes === 'string') found.push({ source, withheld: bytes });
      else if (bytes !== undefined) found.push({ kind, source, bytes });
    }
  }
  return found;
}

/** Stores such as S3 say 403 of what they do not have. To take it as missing is safe: without a signature nothing is taken. */
async function readOrWithheld(
  directory: ListedDirectory,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | string | undefined> {
  try {
    return await directory.read(file, largestSignature, signal);
  } catch (error) {
    if (error instanceof StatusError && error.status === 403)
      return 'the server answered 403: it is not there or secret';
    throw error;
  }
}
