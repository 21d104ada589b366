import { isAgentError } from '../../core/errors.ts';
import { verifyDetached } from '../../host/openpgp.ts';
import { fromBase64, judgeBundle, signerOf } from './cosign.ts';
import type { RuleKeys } from './rule-keys.ts';

/** A SHA256SUMS as it was sent. */
export interface PublishedList {
  /** Where it is from, for messages. */
  readonly source: string;
  readonly bytes: Uint8Array;
}

/** What makes signatures of lists. */
export type ListSignatureKind = 'openpgp' | 'cosign';

/** A signature beside a list. */
export interface ListSignature {
  /** What made it. */
  readonly kind: ListSignatureKind;
  /** Where it is from, for messages. */
  readonly source: string;
  /** Of OpenPGP binary or armored; of cosign base64, or a bundle. */
  readonly bytes: Uint8Array;
}

/** A signature that a server does not give, whether or not it has one. */
export interface WithheldSignature {
  readonly source: string;
  readonly withheld: string;
}

export interface ListVerdict {
  /** Who made it, where it is good: as `by` of a voucher. */
  readonly by?: string;
  /** What came of it else. */
  readonly fault: string;
}

/** Judges one signature of a list. It never throws for what is in it. */
export async function judgeListSignature(
  list: PublishedList,
  signature: ListSignature | WithheldSignature,
  keys: RuleKeys,
  now: Date,
): Promise<ListVerdict> {
  if ('withheld' in signature) return { fault: `${signature.source}: ${signature.withheld}` };
  return signature.kind === 'openpgp' ? judgeOpenPgp(list, signature, keys, now) : judgeCosign(list, signature, keys);
}

const armor = '-----BEGIN PGP SIGNATURE-----';

async function judgeOpenPgp(
  list: PublishedList,
  { source, bytes }: ListSignature,
  { openpgp }: RuleKeys,
  now: Date,
): Promise<ListVerdict> {
  const text = Buffer.from(bytes).toString('latin1');
  const signature = text.trimStart().startsWith(armor) ? text : bytes;
  try {
    const [id = ''] = await verifyDetached(list.source, list.bytes, signature, openpgp, () => '', now);
    return { by: `OpenPGP key ${id}`, fault: '' };
  } catch (error) {
    if (!isAgentError(error)) throw error;
    const [first = error.message] = error.details.facts ?? [];
    return { fault: `${source}: ${first}` };
  }
}

function judgeCosign(list: PublishedList, { source, bytes }: ListSignature, { cosign }: RuleKeys): ListVerdict {
  const file = cosignSigner(list, bytes, cosign);
  return file === undefined
    ? { fault: `${source}: it was made by none of these keys, or is about something else` }
    : { by: `cosign key ${file}`, fault: '' };
}

function cosignSigner(list: PublishedList, bytes: Uint8Array, keys: RuleKeys['cosign']): string | undefined {
  const signature = fromBase64(Buffer.from(bytes).toString('latin1'));
  if (signature !== undefined) return signerOf(list.bytes, signature, keys);
  const verdict = judgeBundle(bytes, [{ bytes: list.bytes }], keys);
  return verdict.good ? verdict.file : undefined;
}
