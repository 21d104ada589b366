import { ruleFor, type TrustRule } from '../../core/trust-rules.ts';
import type { Clock } from '../../host/clock.ts';
import type { Claim, ManifestSignature, Statement } from './claim.ts';
import { judgeManifestSignature, type CosignVerdict, type SignedDocument } from './cosign.ts';
import type { KeyRing } from './key-ring.ts';
import type { JudgeKeyless } from './keyless.ts';
import {
  judgeListSignature,
  type ListSignature,
  type ListSignatureKind,
  type PublishedList,
  type WithheldSignature,
} from './list-signature.ts';
import { noRule, notAbout, ruleEnded, unsigned } from './refusals.ts';
import { keysOf, type RuleKeys } from './rule-keys.ts';
import type { Voucher } from './voucher.ts';

/** Whom this host believes. */
export interface Trust {
  readonly rules: readonly TrustRule[];
  readonly keys: KeyRing;
  readonly clock: Clock;
  /** Needed where a rule trusts identities: what it takes is loaded only then. */
  readonly keyless?: JudgeKeyless;
}

/** A manifest that was found for a claim, as it was sent. */
export interface PublishedManifest {
  readonly bytes: Uint8Array;
  /** The index that led to it by its digest, where there was one: a signature of that is one of all that it names. */
  readonly index?: Uint8Array;
  /** What the annotations of the manifest say. */
  readonly statement: Statement;
  /** The blob that it names, as the voucher is to name it. */
  readonly sha256: string;
}

/**
 * Finds out who vouches for a manifest of a registry. Whoever calls it has held the bytes against the digest that was asked
 * for, where the claim is pinned.
 * @param signatures those that were found beside the manifest and its index.
 * @throws AgentError `verification-failed` where nobody does whom this host trusts there.
 */
export function vouchForManifest(
  trust: Trust,
  claim: Claim,
  manifest: PublishedManifest,
  signatures: readonly ManifestSignature[],
): Voucher {
  const { sha256, statement } = manifest;
  if (claim.pinned) return byDigest(sha256);
  const rule = requireRule(trust, claim);
  if (rule.keys === undefined) {
    requireStatement(claim, statement, 'unsigned');
    return byRule(rule, sha256);
  }
  const keys = keysOf(rule, trust.keys);
  const all = [manifest.bytes, ...(manifest.index === undefined ? [] : [manifest.index])];
  const documents = all.map((bytes) => ({ bytes }));
  const verdicts = signatures.map((found) => judgeSignature(trust, found, documents, keys));
  const by = requireGood(claim, verdicts, keys);
  requireStatement(claim, statement, 'signed');
  return made({ by, signed: true, sha256 });
}

function judgeSignature(
  trust: Trust,
  found: ManifestSignature,
  documents: readonly SignedDocument[],
  { cosign, signers }: RuleKeys,
): CosignVerdict {
  const verdict = judgeManifestSignature(found, documents, cosign);
  if (verdict.good || found.kind !== 'bundle' || signers.length === 0) return verdict;
  return keylessOf(trust)(found.bytes, documents, signers);
}

function keylessOf({ keyless }: Trust): JudgeKeyless {
  return keyless ?? (() => ({ good: false, fault: 'it is not looked at here' }));
}

declare const verified: unique symbol;

/** A SHA256SUMS that may be read, and why. Only `verifyList` makes one. */
export interface VerifiedList {
  readonly [verified]: true;
  readonly bytes: Uint8Array;
  /** As that of a voucher. */
  readonly by: string;
  readonly signed: boolean;
}

/**
 * Verifies a SHA256SUMS before a byte of it is read.
 * @param of the place that it is from, and the extension whose images are looked for.
 * @param fetch gets the signatures of the kinds that count, those that there are; not called where none is needed.
 * @throws AgentError `verification-failed` where it must be signed and is not, by somebody whom this host trusts there.
 */
export async function verifyList(
  trust: Trust,
  of: Pick<Claim, 'place' | 'name'>,
  list: PublishedList,
  fetch: (kinds: ReadonlySet<ListSignatureKind>) => Promise<readonly (ListSignature | WithheldSignature)[]>,
): Promise<VerifiedList> {
  const rule = requireRule(trust, of);
  if (rule.keys === undefined) return { bytes: list.bytes, by: wordsOf(rule), signed: false } as VerifiedList;
  const keys = keysOf(rule, trust.keys);
  const signatures = await fetch(keys.kinds);
  const means = { now: trust.clock.now(), keyless: keylessOf(trust) };
  const verdicts = await Promise.all(signatures.map((found) => judgeListSignature(list, found, keys, means)));
  const good = verdicts.find((verdict) => verdict.by !== undefined);
  if (good?.by === undefined) throw unsigned(of, list.source, verdicts, keys);
  return { bytes: list.bytes, by: good.by, signed: true } as VerifiedList;
}

/**
 * Vouches for a file that a verified list names.
 * @param statement what the name of the file says: it stands in the list.
 * @throws AgentError `verification-failed` where that is not what was asked for.
 */
export function vouchForListed(claim: Claim, list: VerifiedList, statement: Statement, sha256: string): Voucher {
  requireStatement(claim, statement, list.signed ? 'signed' : 'unsigned');
  return made({ by: list.by, signed: list.signed, sha256 });
}

/** Vouches for the file whose sha256 was given by the one who asks. */
export function vouchForDigest(sha256: string): Voucher {
  return byDigest(sha256);
}

function byDigest(sha256: string): Voucher {
  return made({ by: 'the digest that was asked for', signed: false, sha256 });
}

function byRule(rule: TrustRule, sha256: string): Voucher {
  return made({ by: wordsOf(rule), signed: false, sha256 });
}

function wordsOf({ place }: TrustRule): string {
  return `the settings of this host, which take unsigned images from ${place}`;
}

/** The only place where a voucher comes into being. */
function made(voucher: Pick<Voucher, 'by' | 'signed' | 'sha256'>): Voucher {
  return voucher as Voucher;
}

/** A rule that has ended still keeps wider ones from counting. */
function requireRule({ rules, clock }: Trust, claim: Pick<Claim, 'place' | 'name'>): TrustRule {
  const rule = ruleFor(rules, claim);
  if (rule === undefined) throw noRule(claim);
  if (rule.until !== undefined && clock.now().toISOString().slice(0, 10) > rule.until) throw ruleEnded(claim, rule);
  return rule;
}

function requireGood(claim: Claim, verdicts: readonly CosignVerdict[], keys: RuleKeys): string {
  const good = verdicts.find((verdict) => verdict.good);
  if (good?.good === true) return good.by;
  const found = verdicts.map((verdict) => ({ fault: verdict.good ? '' : verdict.fault }));
  throw unsigned(claim, `${claim.name} ${claim.version} of ${claim.place}`, found, keys);
}

/**
 * A signature is about what its document says: another extension, version or architecture of the same signer is not what
 * was asked for. A signed document must say name and version. Where it says no architecture it is for all of them; where
 * it is not signed, what it leaves out is known from the file itself later.
 */
function requireStatement(claim: Claim, statement: Statement, how: 'signed' | 'unsigned'): void {
  const missing = (['name', 'version'] as const).filter((field) => statement[field] === undefined);
  if (how === 'signed' && missing.length > 0) throw notAbout(claim, statement, missing);
  const wrong =
    (statement.name !== undefined && statement.name !== claim.name) ||
    (statement.version !== undefined && !isSameVersion(statement.version, claim.version)) ||
    (statement.architecture !== undefined &&
      claim.architecture !== undefined &&
      statement.architecture !== claim.architecture);
  if (wrong) throw notAbout(claim, statement, []);
}

/** A tag cannot have every character of a version: `_` stands for those. */
function isSameVersion(stated: string, asked: string): boolean {
  return stated === asked || stated.replace(/[^\w.-]/g, '_') === asked;
}
