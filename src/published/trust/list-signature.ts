import { isAgentError } from '../../core/errors.ts';
import { verifyDetached } from '../../host/openpgp.ts';
import { byKey, fromBase64, judgeBundle, signerOf, type CosignVerdict } from './cosign.ts';
import type { JudgeKeyless } from './keyless.ts';
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
  { now, keyless }: { readonly now: Date; readonly keyless: JudgeKeyless },
): Promise<ListVerdict> {
  if ('withheld' in signature) return { fault: `${signature.source}: ${signature.withheld}` };
  if (signature.kind === 'openpgp') return judgeOpenPgp(list, signature, keys, now);
  const verdict = judgeCosign(list, signature.bytes, keys, keyless);
  return verdict.good ? { by: verdict.by, fault: '' } : { fault: `${signature.source}: ${verdict.fault}` };
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

const byNobody = { good: false, fault: 'it was made by none of these keys, or is about something else' } as const;

function judgeCosign(
  list: PublishedList,
  bytes: Uint8Array,
  { cosign, signers }: RuleKeys,
  keyless: JudgeKeyless,
): CosignVerdict {
  const signature = fromBase64(Buffer.from(bytes).toString('latin1'));
  if (signature !== undefined) {
    const file = signerOf(list.bytes, signature, cosign);
    return file === undefined ? byNobody : byKey(file);
  }
  const documents = [{ bytes: list.bytes }];
  const verdict = judgeBundle(bytes, documents, cosign);
  if (verdict.good) return verdict;
  return signers.length === 0 ? byNobody : keyless(bytes, documents, signers);
}
