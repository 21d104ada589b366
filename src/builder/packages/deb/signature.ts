import type * as OpenPgpModule from 'openpgp';

import { AgentError, messageOf } from '../../../core/errors.ts';

/** A file with OpenPGP keys, as it was read. */
export interface KeyFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A text that one of the trusted keys has signed: nothing else makes one. */
export interface SignedText {
  readonly text: string;
  /** Ids of the trusted keys whose signatures were found good: 16 hexadecimal digits each. */
  readonly signers: readonly string[];
}

type OpenPgp = typeof OpenPgpModule;
type Key = OpenPgpModule.PublicKey;

interface Verdict {
  readonly id: string;
  /** Why this signature does not count; undefined where it does. */
  readonly fault: string | undefined;
}

/**
 * Verifies a cleartext signed message (RFC 9580 section 7). One good signature by a trusted key is enough: archives
 * sign with an old and a new key while they change keys.
 * @param source what is verified, for messages.
 * @param time the moment the signatures must not be later than; null where the clock of this host is not trusted.
 * @returns only what the signature covers, never what surrounds it.
 * @throws AgentError `verification-failed`, and `invalid-config` where a key file cannot be read as keys.
 */
export async function verifySigned(
  source: string,
  message: string,
  keyFiles: readonly KeyFile[],
  time: Date | null,
): Promise<SignedText> {
  // Loading OpenPGP takes longer than everything else that a run with a filled cache does.
  const openpgp = await import('openpgp');
  const keys = (await Promise.all(keyFiles.map((file) => readKeyFile(openpgp, file)))).flat();
  const { text, verdicts } = await judge(openpgp, source, message, keys, time);
  const signers = verdicts.filter(({ fault }) => fault === undefined).map(({ id }) => id);
  if (signers.length === 0) throw untrusted(source, verdicts, keys, keyFiles);
  return { text, signers };
}

async function judge(openpgp: OpenPgp, source: string, message: string, keys: Key[], time: Date | null) {
  try {
    const cleartext = await openpgp.readCleartextMessage({ cleartextMessage: message });
    const result = await openpgp.verify({ message: cleartext, verificationKeys: keys, date: time });
    const verdicts = await Promise.all(
      result.signatures.map(async ({ keyID, verified }) => ({ id: keyID.toHex(), fault: await faultOf(verified) })),
    );
    return { text: result.data, verdicts };
  } catch (cause) {
    throw new AgentError('verification-failed', `${source} is not a signed file: ${messageOf(cause)}`, { cause });
  }
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

function untrusted(source: string, verdicts: readonly Verdict[], keys: readonly Key[], files: readonly KeyFile[]) {
  const trusted = keys.map((key) => key.getKeyID().toHex());
  return new AgentError('verification-failed', `${source} has no good signature by a trusted key`, {
    facts: [
      ...verdicts.map(({ id, fault }) => `signed by key ${id}: ${fault ?? 'good'}`),
      `trusted keys: ${trusted.join(', ') || 'none'}`,
      ...files.map(({ path }) => `read from: ${path}`),
    ],
    next: 'If the archive has new keys, put them into a key file that the target names; otherwise do not use this mirror.',
  });
}
