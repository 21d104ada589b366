import type * as OpenPgpModule from 'openpgp';

import { AgentError, messageOf } from '../core/errors.ts';
import { sha256 } from './digest.ts';
import { readBytes } from './files.ts';

/** A file with OpenPGP keys, as it was read. */
export interface KeyFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The files with the keys of a repository: named by their paths, or read already. */
export function readKeys(keys: readonly (string | KeyFile)[]): KeyFile[] {
  return keys.map((key) => (typeof key === 'string' ? { path: key, bytes: readBytes(key) } : key));
}

/** What tells whether the keys are still the same ones. */
export function digestOfKeys(files: readonly KeyFile[]): string {
  return sha256(files.map(({ bytes }) => sha256(bytes)).join());
}

export type OpenPgp = typeof OpenPgpModule;
export type Key = OpenPgpModule.PublicKey;

/** One signature, and what came of it. */
export interface Verdict {
  /** Of the key that made it: 16 hexadecimal digits. */
  readonly id: string;
  /** Why this signature does not count; undefined where it does. */
  readonly fault: string | undefined;
}

interface Checked {
  readonly keyID: { toHex(): string };
  readonly verified: Promise<boolean>;
}

/** What `openpgp` found of each signature. */
export function verdictsOf(signatures: readonly Checked[]): Promise<Verdict[]> {
  return Promise.all(
    signatures.map(async ({ keyID, verified }) => ({ id: keyID.toHex(), fault: await faultOf(verified) })),
  );
}

/** All keys of some files. */
export async function readKeyFiles(openpgp: OpenPgp, files: readonly KeyFile[]): Promise<Key[]> {
  return (await Promise.all(files.map((file) => readKeyFile(openpgp, file)))).flat();
}

/**
 * Verifies bytes by a signature beside them (RFC 9580 section 10.4), armored or binary. One good signature by a trusted
 * key is enough.
 * @param source what is verified, for messages.
 * @param next what to do where no signature is good.
 * @param time when signatures and the keys that made them must be valid; null where the clock of this host is not asked,
 *   as rpm's own tools do not either.
 * @returns the ids of the keys whose signatures were found good.
 * @throws AgentError `verification-failed`, and `invalid-config` where a key file cannot be read as keys.
 */
export async function verifyDetached(
  source: string,
  bytes: Uint8Array,
  signature: string | Uint8Array,
  keyFiles: readonly KeyFile[],
  next: (ids: readonly string[]) => string,
  time: Date | null = null,
): Promise<readonly string[]> {
  // Loading OpenPGP takes longer than everything else that a run with a filled cache does.
  const openpgp = await import('openpgp');
  const keys = await readKeyFiles(openpgp, keyFiles);
  const verdicts = await judgeDetached(openpgp, source, bytes, signature, keys, time);
  const signers = verdicts.filter(({ fault }) => fault === undefined).map(({ id }) => id);
  if (signers.length === 0) throw untrusted(source, verdicts, keys, keyFiles, next(verdicts.map(({ id }) => id)));
  return signers;
}

async function judgeDetached(
  openpgp: OpenPgp,
  source: string,
  binary: Uint8Array,
  signature: string | Uint8Array,
  verificationKeys: Key[],
  date: Date | null,
): Promise<Verdict[]> {
  try {
    const read =
      typeof signature === 'string'
        ? await openpgp.readSignature({ armoredSignature: signature })
        : await openpgp.readSignature({ binarySignature: signature });
    const message = await openpgp.createMessage({ binary });
    const result = await openpgp.verify({ message, signature: read, verificationKeys, format: 'binary', date });
    const verdicts = await verdictsOf(result.signatures);
    return date === null
      ? verdicts
      : await Promise.all(verdicts.map((verdict) => byKeyInForce(verdict, verificationKeys, date)));
  } catch (cause) {
    throw new AgentError('verification-failed', `the signature of ${source} cannot be read: ${messageOf(cause)}`, {
      unverified: 'signature',
      cause,
    });
  }
}

/**
 * The verdict, where the key is still valid: the library asks only whether it was so when it signed, which who has a stolen
 * key writes as they like. A key that any of the files revokes is revoked.
 */
async function byKeyInForce(verdict: Verdict, keys: readonly Key[], date: Date): Promise<Verdict> {
  if (verdict.fault !== undefined) return verdict;
  const copies = keys.filter((key) => key.getKeys().some((part) => part.getKeyID().toHex() === verdict.id));
  try {
    for (const key of copies) await key.getSigningKey(keyIdIn(key, verdict.id), date);
    return copies.length > 0 ? verdict : { ...verdict, fault: 'its key is not there' };
  } catch (error) {
    return { ...verdict, fault: messageOf(error) };
  }
}

function keyIdIn(key: Key, id: string) {
  return key.getKeyIDs().find((candidate) => candidate.toHex() === id);
}

/** A signature counts when its promise gives true; that it did not fail is not enough. */
async function faultOf(verified: Promise<boolean>): Promise<string | undefined> {
  try {
    return (await verified) ? undefined : 'it is not valid';
  } catch (error) {
    return messageOf(error);
  }
}

const armorHeader = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

/** Keys in the binary form or armored, where one file may have several blocks. */
async function readKeyFile(openpgp: OpenPgp, { path, bytes }: KeyFile): Promise<Key[]> {
  try {
    const blocks = armoredBlocks(bytes);
    const read =
      blocks.length === 0
        ? await openpgp.readKeys({ binaryKeys: bytes })
        : (await Promise.all(blocks.map((armoredKeys) => openpgp.readKeys({ armoredKeys })))).flat();
    return read.map((key) => key.toPublic());
  } catch (cause) {
    throw new AgentError('invalid-config', `${path} has no OpenPGP keys that can be read: ${messageOf(cause)}`, {
      cause,
      next: 'Export the keys with "gpg --export" or "gpg --armor --export"; keybox files (*.kbx) are not read.',
    });
  }
}

function armoredBlocks(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  return text
    .split(armorHeader)
    .slice(1)
    .map((block) => armorHeader + block);
}

/** That nothing vouches for `source`: who signed it, and whom we trust. */
export function untrusted(
  source: string,
  verdicts: readonly Verdict[],
  keys: readonly Key[],
  files: readonly KeyFile[],
  next: string,
): AgentError {
  const trusted = keys.map((key) => key.getKeyID().toHex());
  return new AgentError('verification-failed', `${source} has no good signature by a trusted key`, {
    unverified: 'signature',
    facts: [
      ...verdicts.map(({ id, fault }) => `signed by key ${id}: ${fault ?? 'good'}`),
      `trusted keys: ${trusted.join(', ') || 'none'}`,
      ...files.map(({ path }) => `read from: ${path}`),
    ],
    next,
  });
}
