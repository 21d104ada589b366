import { createHash, generateKeyPairSync, sign } from 'node:crypto';

import { initializeCA, initializeCTLog, initializeTLog } from '@sigstore/mock';

/** Who asks for a certificate. */
export interface Holder {
  readonly subject: string;
  readonly issuer: string;
}

/** Authorities of our own that do what those of Sigstore do: one for certificates, with a log of them, and one log of signatures. */
export interface Authorities {
  /** What verifies what they did: the JSON of a trusted root. */
  readonly root: string;
  /** A bundle with a signature of some bytes, by a key that was thrown away. */
  signMessage(bytes: Uint8Array, holder: Holder): Promise<Bundle>;
  /** A bundle with a signed in-toto statement. */
  signStatement(statement: object, holder: Holder): Promise<Bundle>;
}

/** The JSON of a bundle, fit to be changed. */
export type Bundle = Record<string, unknown> & { verificationMaterial: Record<string, unknown> };

/** What a log answers, as the library that makes it does not say without another one. */
interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly rootHash: string;
      readonly checkpoint: string;
    };
  };
}

const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const viewed = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

export async function sigstoreAuthorities(): Promise<Authorities> {
  const certificateLog = await initializeCTLog(p256());
  const authority = await initializeCA(p256(), certificateLog);
  const log = await initializeTLog('https://log.example', p256());
  const start = new Date(Date.now() - 3600_000).toISOString();
  const logged = (publicKey: Uint8Array, keyId: Uint8Array) => ({
    baseUrl: 'https://log.example',
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start } },
    logId: { keyId: base64(keyId) },
  });
  const root = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [logged(log.publicKey, sha256(log.publicKey))],
    certificateAuthorities: [
      {
        subject: { organization: 'example', commonName: 'example' },
        uri: 'https://ca.example',
        certChain: { certificates: [{ rawBytes: base64(viewed(authority.rootCertificate)) }] },
        validFor: { start },
      },
    ],
    ctlogs: [logged(certificateLog.publicKey, viewed(certificateLog.logID))],
    timestampAuthorities: [],
  };

  const certified = async ({ subject, issuer }: Holder) => {
    const { publicKey, privateKey } = p256();
    const certificate = await authority.issueCertificate({
      publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      subjectAltName: subject,
      extensions: [
        { oid: '1.3.6.1.4.1.57264.1.1', value: issuer, legacy: true },
        { oid: '1.3.6.1.4.1.57264.1.8', value: issuer },
      ],
    });
    const bytes = viewed(certificate);
    const lines = base64(bytes).replace(/.{64}/g, '$&\n').trimEnd();
    return { privateKey, bytes, pem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n` };
  };
  const bundled = async (certificate: Uint8Array, entry: { kind: string; spec: object }, content: object) => {
    const answer = (await log.log({ apiVersion: '0.0.1', ...entry })) as unknown as Readonly<Record<string, LogEntry>>;
    const [made] = Object.values(answer);
    const { inclusionProof: proof, signedEntryTimestamp = '' } = made?.verification ?? {};
    const tlogEntry = {
      logIndex: String(made?.logIndex),
      logId: { keyId: Buffer.from(made?.logID ?? '', 'hex').toString('base64') },
      kindVersion: { kind: entry.kind, version: '0.0.1' },
      integratedTime: String(made?.integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        logIndex: String(proof?.logIndex),
        rootHash: Buffer.from(proof?.rootHash ?? '', 'hex').toString('base64'),
        treeSize: String(proof?.treeSize),
        hashes: [],
        checkpoint: { envelope: proof?.checkpoint },
      },
      canonicalizedBody: made?.body,
    };
    return {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { certificate: { rawBytes: base64(certificate) }, tlogEntries: [tlogEntry] },
      ...content,
    };
  };
  return {
    root: JSON.stringify(root),
    signMessage: async (bytes, holder) => {
      const { privateKey, bytes: certificate, pem } = await certified(holder);
      const signature = base64(sign('sha256', bytes, privateKey));
      const digest = sha256(bytes);
      const spec = {
        data: { hash: { algorithm: 'sha256', value: digest.toString('hex') } },
        signature: { content: signature, publicKey: { content: base64(pem) } },
      };
      const messageDigest = { algorithm: 'SHA2_256', digest: base64(digest) };
      return bundled(certificate, { kind: 'hashedrekord', spec }, { messageSignature: { messageDigest, signature } });
    },
    signStatement: async (statement, holder) => {
      const { privateKey, bytes: certificate, pem } = await certified(holder);
      const payload = Buffer.from(JSON.stringify(statement));
      const payloadType = 'application/vnd.in-toto+json';
      const encoded = Buffer.from(
        `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload.toString()}`,
      );
      const sig = base64(sign('sha256', encoded, privateKey));
      const spec = {
        payloadHash: { algorithm: 'sha256', value: sha256(payload).toString('hex') },
        signatures: [{ signature: sig, verifier: base64(pem) }],
      };
      const dsseEnvelope = { payload: base64(payload), payloadType, signatures: [{ sig, keyid: '' }] };
      return bundled(certificate, { kind: 'dsse', spec }, { dsseEnvelope });
    },
  };
}
