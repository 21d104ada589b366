import { AgentError } from '../../../core/errors.ts';
import { sha256OfRange } from '../../../host/digest.ts';
import { verifyDetached } from '../../../host/openpgp.ts';
import type { LocalPackage } from '../packages.ts';
import type { RpmHeader } from './header.ts';
import { keyAdvice, type KeyRing } from './keys.ts';
import { readRpmFile, signatureTags, tags, type RpmFile } from './package-file.ts';
import { fullVersion } from './primary.ts';

/** The number of SHA-256 among OpenPGP's hash algorithms, which rpm uses for its digests (RFC 9580 section 9.5). */
const sha256Algorithm = 8;

/**
 * Verifies what an rpm package says of itself (gpgcheck): a key of its repository signed its header, the header has the
 * digest of the payload, and it is the package that was chosen.
 * @throws AgentError `verification-failed`, `content-refused`
 */
export async function verifyPackage(pkg: LocalPackage, keys: KeyRing): Promise<void> {
  const subject = `the package ${pkg.name} ${pkg.version}`;
  const file = readRpmFile(pkg.path);
  const signature = signatureOf(file.signature);
  if (signature === undefined)
    throw new AgentError('verification-failed', `${subject} is not signed`, {
      unverified: 'signature',
      facts: [pkg.url],
      next: 'Use a repository whose packages are signed; "gpgcheck: false" in the target file would do without.',
    });
  await verifyDetached(subject, file.header.bytes, signature, keys.files, keyAdvice(keys));
  verifyPayload(subject, file);
  verifyName(subject, file.header, pkg);
}

/** The signature of the header alone: by RSA, by any other algorithm, or as rpm 6 keeps them. */
function signatureOf(header: RpmHeader): Uint8Array | undefined {
  const encoded = header.text(signatureTags.openpgp);
  return (
    header.binary(signatureTags.rsa) ??
    header.binary(signatureTags.dsa) ??
    (encoded === undefined ? undefined : Buffer.from(encoded, 'base64'))
  );
}

function verifyPayload(subject: string, { header, payload }: RpmFile): void {
  const expected = header.text(tags.payloadDigest);
  const [algorithm] = header.numbers(tags.payloadDigestAlgorithm);
  if (expected === undefined || algorithm !== sha256Algorithm)
    throw new AgentError('verification-failed', `${subject} has no sha256 of its payload in its header`, {
      next: 'Packages made by rpm before 4.14 cannot be verified by their signature; use newer ones.',
    });
  const found = sha256OfRange(payload);
  if (found !== expected)
    throw new AgentError('verification-failed', `the payload of ${subject} is not the one that was signed`, {
      unverified: 'digest',
      facts: [`expected: sha256 ${expected}`, `found:    sha256 ${found}`],
    });
}

/** An index that nobody signed could offer a good package of another name or an older version as this one. */
function verifyName(subject: string, header: RpmHeader, pkg: LocalPackage): void {
  const [name = '', version = '', release, arch = ''] = [tags.name, tags.version, tags.release, tags.arch].map((tag) =>
    header.text(tag),
  );
  const [epoch = 0] = header.numbers(tags.epoch);
  const said = `${name} ${fullVersion({ epoch: String(epoch), version, release })} ${arch}`;
  if (said !== `${pkg.name} ${pkg.version} ${pkg.architecture}`)
    throw new AgentError('verification-failed', `${subject} is another package than its repository says`, {
      facts: [`expected: ${pkg.name} ${pkg.version} ${pkg.architecture}`, `found:    ${said}`],
    });
}
