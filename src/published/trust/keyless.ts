import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier, type Signer, type TrustMaterial } from '@sigstore/verify';

import { messageOf } from '../../core/errors.ts';
import { isSubject, signerWords, type SigningIdentity } from '../../core/trust-rules.ts';
import { quote } from '../../core/yaml/text.ts';
import { envelopeIsAbout, type CosignVerdict, type SignedDocument } from './cosign.ts';

/** Someone who may have signed, and the authorities by whom that is known. */
export interface TrustedSigner extends SigningIdentity {
  /** The trusted root as it was read: the JSON of `TrustedRoot` in sigstore_trustroot.proto. */
  readonly rootBytes: Uint8Array;
}

/** Judges a Sigstore bundle by whoever had the certificate in it. */
export type JudgeKeyless = (
  bytes: Uint8Array,
  documents: readonly SignedDocument[],
  signers: readonly TrustedSigner[],
) => CosignVerdict;

/**
 * Judges a bundle that was made with a certificate: that it is of an authority of the trusted root, was logged, was good
 * when the signature was logged, and that what was signed is one of these documents. Nothing is fetched for that.
 */
export const judgeKeyless: JudgeKeyless = (bytes, documents, signers) => {
  const faults: string[] = [];
  for (const signer of signers) {
    try {
      const found = foundSigner(bytes, documents, signer);
      if (isMeant(found, signer)) return { good: true, by: signerWords(found) };
      faults.push(`it was made by ${signerWords({ subject: quote(found.subject), issuer: quote(found.issuer) })}`);
    } catch (error) {
      // Whatever the library throws for what is in a bundle: no kind of it may let one pass or end the program.
      faults.push(`it is not proven by ${signer.root}: ${quote(messageOf(error).slice(0, 200))}`);
    }
  }
  return { good: false, fault: [...new Set(faults)].join('; ') };
};

type FoundSigner = Pick<SigningIdentity, 'subject' | 'issuer'>;

/** Who made a bundle, by the authorities of a signer that is trusted. */
function foundSigner(
  bytes: Uint8Array,
  documents: readonly SignedDocument[],
  { rootBytes }: TrustedSigner,
): FoundSigner {
  const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(textOf(rootBytes))));
  const { identity } = verified(JSON.parse(textOf(bytes)) as SerializedBundle, documents, material);
  return { subject: identity?.subjectAlternativeName ?? '', issuer: identity?.extensions?.issuer ?? '' };
}

/** The library itself would take a subject for an expression that may match anywhere. */
function isMeant({ subject, issuer }: FoundSigner, wanted: TrustedSigner): boolean {
  return isSubject(subject, wanted.subject) && issuer === wanted.issuer;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** One entry in a log, one in a log of certificates, and one time at which it was made, at least. */
const thresholds = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 };

/** @throws whatever the library does, where it is not good. */
function verified(serialized: SerializedBundle, documents: readonly SignedDocument[], material: TrustMaterial): Signer {
  const bundle = bundleFromJSON(serialized);
  const verifier = new Verifier(material, thresholds);
  if (bundle.content.$case === 'dsseEnvelope') {
    const { payload, payloadType } = bundle.content.dsseEnvelope;
    const signer = verifier.verify(toSignedEntity(bundle));
    if (envelopeIsAbout({ payload, payloadType }, documents)) return signer;
    throw new Error('it is about something else');
  }
  return firstOf(documents, ({ bytes }) => verifier.verify(toSignedEntity(bundle, Buffer.from(bytes))));
}

/** What comes of the first for which it does not throw; else what it throws for the last. */
function firstOf<T, R>(all: readonly T[], work: (one: T) => R): R {
  let failure: unknown = new Error('there is nothing that it could be about');
  for (const one of all) {
    try {
      return work(one);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
