import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';

import {
  decodeJson,
  jsonList,
  jsonMatch,
  jsonOptional,
  jsonStruct,
  jsonText,
  type JsonDecoder,
} from '../../core/json.ts';
import type { ManifestSignature } from './claim.ts';

/** A public key of cosign, and the file that it was read from. */
export interface CosignKey {
  readonly file: string;
  readonly key: KeyObject;
}

/** A document that signatures may be about. */
export interface SignedDocument {
  readonly bytes: Uint8Array;
}

/** What came of one signature. */
export type CosignVerdict =
  | { readonly good: true; readonly by: string }
  /** @see fault in words, for the one who wonders. */
  | { readonly good: false; readonly fault: string };

const shortestRsa = 2048;

/**
 * Reads a public key in PEM: ECDSA with P-256 or P-384, RSA of at least 2048 bits, Ed25519.
 * @returns the key, or why it is none, as words that follow the name of the file.
 */
export function readCosignKey(bytes: Uint8Array): KeyObject | string {
  const text = Buffer.from(bytes).toString('latin1');
  if (!/^-----BEGIN (?:RSA )?PUBLIC KEY-----/m.test(text)) return 'has no "-----BEGIN PUBLIC KEY-----" in it';
  const key = parsedKey(text);
  return key === undefined ? 'cannot be read as a public key' : (faultOfKey(key) ?? key);
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function faultOfKey(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (type === 'ec' && hashesOf(key).length === 0) return `is of the curve ${namedCurve ?? '?'}, not P-256 or P-384`;
  if (type === 'rsa' && modulusLength < shortestRsa) return `has ${modulusLength} bits: RSA needs ${shortestRsa}`;
  return type === 'ec' || type === 'rsa' || type === 'ed25519' ? undefined : 'is not of ECDSA, RSA or Ed25519';
}

/** What cosign hashes with; undefined stands for a key that hashes by itself. Of P-384 older ones took SHA-256 too. */
function hashesOf(key: KeyObject): readonly (string | undefined)[] {
  if (key.asymmetricKeyType === 'ed25519') return [undefined];
  if (key.asymmetricKeyType === 'rsa') return ['sha256'];
  return { prime256v1: ['sha256'], secp384r1: ['sha384', 'sha256'] }[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? [];
}

/** The file of the key that made a signature of some bytes; undefined where none of them did. */
export function signerOf(bytes: Uint8Array, signature: Uint8Array, keys: readonly CosignKey[]): string | undefined {
  return keys.find(({ key }) => hashesOf(key).some((hash) => isGood(hash, bytes, key, signature)))?.file;
}

function isGood(hash: string | undefined, bytes: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(hash, bytes, key, signature);
  } catch {
    return false;
  }
}

/**
 * Judges a signature that was found beside a manifest: by whom it is, and whether it is about one of these documents.
 * @param documents the manifest, and the index that led to it, if any: who signs that signs what it names.
 */
export function judgeManifestSignature(
  found: ManifestSignature,
  documents: readonly SignedDocument[],
  keys: readonly CosignKey[],
): CosignVerdict {
  if (found.kind === 'bundle') return judgeBundle(found.bytes, documents, keys);
  const file = signerOf(found.payload, found.signature, keys);
  if (file === undefined) return byNobody;
  return isAbout(simpleDigest(found.payload), documents) ? byKey(file) : aboutAnother(file);
}

/** Of a key file, as `by` of a voucher. */
export function byKey(file: string): { readonly good: true; readonly by: string } {
  return { good: true, by: `cosign key ${file}` };
}

const byNobody = { good: false, fault: 'it was made by none of these keys' } as const;

function aboutAnother(file: string): CosignVerdict {
  return { good: false, fault: `it was made by ${file}, but is about something else` };
}

function isAbout(digest: string | undefined, documents: readonly SignedDocument[]): boolean {
  return documents.some(({ bytes }) => digest === digestOf(bytes));
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const simplePayload = jsonStruct({
  critical: jsonStruct({
    type: jsonMatch(/^cosign container image signature$/, 'that of cosign'),
    image: jsonStruct({ 'docker-manifest-digest': jsonMatch(/^sha256:[0-9a-f]{64}$/, 'a digest with sha256') }),
  }),
});

/** What the payload of a simple signature is about: see SIGNATURE_SPEC.md of cosign. */
function simpleDigest(payload: Uint8Array): string | undefined {
  const decoded = decodeJson(textOf(payload), simplePayload);
  return 'value' in decoded ? decoded.value.critical.image['docker-manifest-digest'].replace('sha256:', '') : undefined;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Larger bundles are not fetched. */
const largestText = 512 * 1024;

const base64Bytes: JsonDecoder<Uint8Array> = (value, path) =>
  Buffer.from(jsonMatch(base64, 'base64', largestText)(value, path), 'base64');

const envelope = jsonStruct({
  payload: base64Bytes,
  payloadType: jsonText(255),
  signatures: jsonList(jsonStruct({ sig: base64Bytes }), 20),
});

type Envelope = ReturnType<typeof envelope>;

const bundle = jsonStruct({
  mediaType: jsonMatch(/^application\/vnd\.dev\.sigstore\.bundle/, 'that of a bundle', 255),
  messageSignature: jsonOptional(jsonStruct({ signature: base64Bytes }), undefined),
  dsseEnvelope: jsonOptional(envelope, undefined),
});

/**
 * Judges a Sigstore bundle that was made with a key: of a message, or of an in-toto statement in a DSSE envelope. What it
 * says of certificates and transparency logs is not looked at: the key is known to this host.
 */
export function judgeBundle(
  bytes: Uint8Array,
  documents: readonly SignedDocument[],
  keys: readonly CosignKey[],
): CosignVerdict {
  const decoded = decodeJson(textOf(bytes), bundle);
  if ('problem' in decoded) return { good: false, fault: `it is no Sigstore bundle: ${decoded.problem}` };
  const { messageSignature, dsseEnvelope } = decoded.value;
  if (messageSignature !== undefined) return judgeMessage(messageSignature.signature, documents, keys);
  if (dsseEnvelope !== undefined) return judgeEnvelope(dsseEnvelope, documents, keys);
  return { good: false, fault: 'there is no signature in it' };
}

function judgeMessage(
  signature: Uint8Array,
  documents: readonly SignedDocument[],
  keys: readonly CosignKey[],
): CosignVerdict {
  for (const { bytes } of documents) {
    const file = signerOf(bytes, signature, keys);
    if (file !== undefined) return byKey(file);
  }
  return { good: false, fault: 'it was made by none of these keys, or is about something else' };
}

function judgeEnvelope(
  { payload, payloadType, signatures }: Envelope,
  documents: readonly SignedDocument[],
  keys: readonly CosignKey[],
): CosignVerdict {
  const signed = envelopeBytes(payloadType, payload);
  const [file] = signatures.flatMap(({ sig }) => signerOf(signed, sig, keys) ?? []);
  if (file === undefined) return byNobody;
  return envelopeIsAbout({ payloadType, payload }, documents) ? byKey(file) : aboutAnother(file);
}

/** Whether an envelope has the statement of a signature about one of these documents. */
export function envelopeIsAbout(
  { payloadType, payload }: Pick<Envelope, 'payloadType' | 'payload'>,
  documents: readonly SignedDocument[],
): boolean {
  return statedDigests(payloadType, payload).some((digest) => isAbout(digest, documents));
}

/** What is signed of an envelope: the "pre-authentication encoding" of DSSE v1. */
function envelopeBytes(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

const statement = jsonStruct({
  predicateType: jsonMatch(/^https:\/\/sigstore\.dev\/cosign\/sign\/v1$/, 'that of a signature'),
  subject: jsonList(jsonStruct({ digest: jsonStruct({ sha256: jsonOptional(jsonText(64), '') }) }), 1000),
});

/**
 * What an in-toto statement says was signed. Others, such as the list of what is in an image or of its faults, say something
 * of it but not that it is good.
 */
function statedDigests(type: string, payload: Uint8Array): readonly string[] {
  if (type !== 'application/vnd.in-toto+json') return [];
  const decoded = decodeJson(textOf(payload), statement);
  return 'value' in decoded ? decoded.value.subject.map(({ digest }) => digest.sha256) : [];
}

/** The bytes of a base64 text, with white space around it; undefined for what is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  return base64.test(trimmed) && trimmed !== '' ? Buffer.from(trimmed, 'base64') : undefined;
}
