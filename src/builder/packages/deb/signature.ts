import { AgentError, messageOf } from '../../../core/errors.ts';
import { readKeyFiles, untrusted, verdictsOf, type Key, type KeyFile, type OpenPgp } from '../../../host/openpgp.ts';

/** A text that one of the trusted keys has signed: nothing else makes one. */
export interface SignedText {
  readonly text: string;
  /** Ids of the trusted keys whose signatures were found good: 16 hexadecimal digits each. */
  readonly signers: readonly string[];
}

const advice =
  'If the archive has new keys, put them into a key file that the target names; otherwise do not use this mirror.';

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
  const keys = await readKeyFiles(openpgp, keyFiles);
  const { text, verdicts } = await judge(openpgp, source, message, keys, time);
  const signers = verdicts.filter(({ fault }) => fault === undefined).map(({ id }) => id);
  if (signers.length === 0) throw untrusted(source, verdicts, keys, keyFiles, advice);
  return { text, signers };
}

async function judge(openpgp: OpenPgp, source: string, message: string, keys: Key[], time: Date | null) {
  try {
    const cleartext = await openpgp.readCleartextMessage({ cleartextMessage: message });
    const result = await openpgp.verify({ message: cleartext, verificationKeys: keys, date: time });
    return { text: result.data, verdicts: await verdictsOf(result.signatures) };
  } catch (cause) {
    throw new AgentError('verification-failed', `${source} is not a signed file: ${messageOf(cause)}`, {
      unverified: 'signature',
      cause,
    });
  }
}
